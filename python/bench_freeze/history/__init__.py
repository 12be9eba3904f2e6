"""A metric over many runs in order of time, with its change points."""
