"""The first run on a machine with an NVIDIA GPU: its steps, what runs them, and the programs that some of them are."""
