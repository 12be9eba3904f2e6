"""Clocks, samples, statistics and the state of the machine. It knows callables and numbers, not models or data sets."""
