"""The regression check: two runs, row by row, against limits, with confidence intervals."""
