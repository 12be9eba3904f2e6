"""A metric over many runs: in order of time, with the runs from which on it was another."""
