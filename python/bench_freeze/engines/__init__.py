"""Engines: one protocol over everything that can run a model."""
