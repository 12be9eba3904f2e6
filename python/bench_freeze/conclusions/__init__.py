"""From the rows of a study to what they can carry: figures, comparisons, limits, and a pick."""

from .conclude import conclude

__all__ = ["conclude"]
