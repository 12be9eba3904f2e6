"""Clocks, samples, statistics and the state of the machine. Knows callables and numbers, no model and no data set."""
