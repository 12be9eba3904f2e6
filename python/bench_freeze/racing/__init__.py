"""Arms that race: which of them stop on the way, and why. Numbers and words only; nothing here trains."""
