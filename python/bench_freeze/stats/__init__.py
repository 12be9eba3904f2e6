"""What numbers of a study can carry: intervals, tests, equivalence, and a pick. Pure functions."""
