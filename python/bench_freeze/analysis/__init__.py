"""Analyses of one arm's model: graft ladder, drift, features, recovery. The arithmetic is in numbers/."""
