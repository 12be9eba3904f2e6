"""How cost grows: the points that bench/scale.py measures, each in a process of its own."""
