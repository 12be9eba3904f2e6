"""The regression check: two runs, row by row, against limits; intervals instead of eyes."""
