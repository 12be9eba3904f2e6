"""From the rows of a study to conclusions: figures, comparisons, limits, and a recommendation."""

from .conclude import conclude
from .constraints import constraints_of
from .recommend import recommend

__all__ = ["conclude", "constraints_of", "recommend"]
