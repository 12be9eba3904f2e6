"""bench-freeze: how deep to unfreeze a detector, what the original task loses, what the deployed model costs."""

__version__ = "0.1.0"
