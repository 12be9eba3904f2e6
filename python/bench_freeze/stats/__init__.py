"""What the numbers of a study support: intervals, tests, equivalence, Pareto fronts. Pure functions."""
