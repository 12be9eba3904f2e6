"""The subcommands of bench-freeze: their flags, and what each prints; the work is done elsewhere."""
