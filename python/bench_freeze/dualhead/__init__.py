"""Two heads on one network: checkpoints, their layer maps, and models built from a base and a tuned detector."""
