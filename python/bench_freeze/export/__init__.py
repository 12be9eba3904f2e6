"""Exports checkpoints to files that engines load; each file is checked against its source."""
