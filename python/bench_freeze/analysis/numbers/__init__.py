"""Measures of two models' features and weights: arrays and detectors in, numbers out; no data set, no study."""
