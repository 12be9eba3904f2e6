"""The entropy criterion: stop when further samples add nothing new about the distribution.

It follows nvbench: the Shannon entropy of the samples so far is tracked over a window, and sampling may stop when the
line fitted to it is flat (at most `max_angle_degrees`) and fits well (coefficient of determination at least `min_r2`).
Unlike nvbench, durations are counted in bins, because nanosecond readings of a host clock rarely repeat, and entropy
and line are updated in constant time instead of being recomputed for every sample. The line goes through every
STRIDE-th entropy of the window, which changes it little and keeps the criterion cheaper than reading the clock.
"""

from __future__ import annotations

import math
from collections import deque

WINDOW = 299  # samples, nvbench's
STRIDE = 8
MAX_ANGLE_DEGREES = 0.048  # nvbench's
MIN_R2 = 0.36  # nvbench's
BIN_SECONDS = 1e-6
ROUNDING = 1e-9  # variation of the entropies in a window below this is rounding error: the window is level


class RunningEntropy:
    """The entropy of a stream of durations in bits, and a line through its values over the last `window` samples."""

    def __init__(
        self,
        bin_s: float = BIN_SECONDS,
        window: int = WINDOW,
        max_angle_degrees: float = MAX_ANGLE_DEGREES,
        min_r2: float = MIN_R2,
        stride: int = STRIDE,
    ) -> None:
        self._bins_per_s = 1 / bin_s
        self._stride = stride
        self._settled = False
        self._max_slope = math.tan(math.radians(max_angle_degrees)) * stride
        self._min_r2 = min_r2
        self._counts: dict[int, int] = {}
        self._n = 0
        self._sum_count_log = 0.0  # of count * log2(count) over the bins
        self._window: deque[float] = deque(maxlen=1 + (window - 1) // stride)
        self._sum_y = self._sum_yy = self._sum_xy = 0.0  # x is the position in the window, from 0

    @property
    def entropy(self) -> float:
        """Bits; 0 for an empty stream. H = log2 n - (sum of count log2 count) / n."""
        return math.log2(self._n) - self._sum_count_log / self._n if self._n else 0.0

    def add(self, value: float) -> bool:
        """Add a duration in seconds; return whether the criterion was met at the last multiple of the stride."""
        key = int(value * self._bins_per_s + 0.5)
        counts = self._counts
        count = counts.get(key, 0)
        counts[key] = after = count + 1
        self._sum_count_log += after * math.log2(after) - count * math.log2(count) if count else 0.0
        self._n += 1
        if self._n % self._stride == 0:
            self._push(self.entropy)
            self._settled = self._is_settled()
        return self._settled

    def _push(self, y: float) -> None:
        window = self._window
        if len(window) == window.maxlen:
            oldest = window[0]
            self._sum_y -= oldest
            self._sum_yy -= oldest * oldest
            self._sum_xy -= self._sum_y  # every other value moves one position down
        self._sum_xy += min(len(window), (window.maxlen or 1) - 1) * y
        self._sum_y += y
        self._sum_yy += y * y
        window.append(y)

    def slope_and_r2(self) -> tuple[float, float]:
        """Slope per stride and R2 of the least-squares line through the window; needs two values.

        A level line counts as a perfect fit.
        """
        n = len(self._window)
        xx = n * (n * n - 1) / 12
        xy = self._sum_xy - (n - 1) / 2 * self._sum_y
        yy = self._sum_yy - self._sum_y * self._sum_y / n
        slope = xy / xx
        return slope, 1.0 if yy < ROUNDING else xy * xy / (xx * yy)

    def _is_settled(self) -> bool:
        if len(self._window) < 2:
            return False
        slope, r2 = self.slope_and_r2()
        return slope <= self._max_slope and r2 >= self._min_r2
