"""Engines: one protocol for everything that can run a model."""
