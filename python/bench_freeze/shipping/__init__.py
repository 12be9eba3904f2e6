"""A row's model as a folder that can be given away: its files, model.json, the thresholds, and a README that runs."""
