"""Two heads on one network: the layer map of a checkpoint and the models made of a base and a fine-tuned one."""
