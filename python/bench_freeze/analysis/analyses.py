"""All analyses that a study can make of one fine-tuned model, besides its rows."""

from __future__ import annotations

from ..results.analysis import Analysis
from ..results.findings import Findings
from .drift import measure_drift
from .features import measure_features
from .ladder import measure_ladder
from .recovery import measure_recovery
from .trained import Trained


def measure_findings(trained: Trained) -> Findings:
    """The graft ladder and the other requested analyses; empty for a seed that is not analysed."""
    asked = trained.options
    if not trained.is_analysed:
        return Findings()
    return Findings(
        ladder=measure_ladder(trained) if asked.ladder and trained.has_base_accuracy else None,
        analysis=_analysis(trained) if asked.drift or asked.recover or asked.features else None,
    )


def _analysis(trained: Trained) -> Analysis:
    asked = trained.options
    return Analysis(
        drift=measure_drift(trained) if asked.drift else None,
        recovery=measure_recovery(trained) if asked.recover and trained.has_base_accuracy else None,
        features=measure_features(trained) if asked.features else None,
    )
