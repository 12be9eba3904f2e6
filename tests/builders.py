"""Values that tests need whole and are about in part: every one is complete, and a test says what is its own."""

from __future__ import annotations

from typing import Any

from bench_freeze.config.study import Study, study_from
from bench_freeze.config.training import TrainingOptions


def study(**values: Any) -> Study:
    """A study by its flat options, checked as a user's is; all others have their defaults."""
    return study_from(values, "test")


def training(**values: Any) -> TrainingOptions:
    """The training options of such a study."""
    return study(**values).training
