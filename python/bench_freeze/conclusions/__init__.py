"""From the rows of a study to what they can carry: figures, comparisons, limits, and a pick."""

from .conclude import conclude
from .recommend import constraints_of, recommend

__all__ = ["conclude", "constraints_of", "recommend"]
