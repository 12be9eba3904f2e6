"""A row's model as a self-contained folder: its files, model.json with thresholds, and a README with usable code."""
