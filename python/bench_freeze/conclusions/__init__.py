"""From the rows of a study to what they can carry: figures, comparisons, limits, and a pick."""

from .conclude import conclude
from .constraints import constraints_of
from .recommend import recommend

__all__ = ["conclude", "constraints_of", "recommend"]
