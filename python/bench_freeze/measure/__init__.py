"""Clocks, samples and statistics. Knows callables and numbers, no model and no data set."""
