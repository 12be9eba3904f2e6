"""Log a study to experiment trackers, each through its own package: parameters, curves, numbers, files."""
