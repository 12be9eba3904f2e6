"""Fine-tuning at a freeze depth: how the new head starts, the training itself, and the audit of the frozen part."""
