"""From checkpoints to files that engines load, each checked against its source."""
