"""Everything a study may look at in one fine-tuned model beside its rows; which seeds it looks at, too."""

from __future__ import annotations

from ..results.analysis import Analysis
from ..results.findings import Findings
from .drift import measure_drift
from .features import measure_features
from .ladder import measure_ladder
from .recovery import measure_recovery
from .trained import Trained


def measure_findings(trained: Trained) -> Findings:
    """The ladder and the analyses that the study asks for, of the seeds that it asks for."""
    study = trained.study
    if study.analysis_seeds == "first" and trained.arm.seed != study.seeds[0]:
        return Findings()
    return Findings(
        ladder=measure_ladder(trained) if study.ladder and trained.has_base_accuracy else None,
        analysis=_analysis(trained) if study.drift or study.recover or study.features else None,
    )


def _analysis(trained: Trained) -> Analysis:
    study = trained.study
    return Analysis(
        drift=measure_drift(trained) if study.drift else None,
        recovery=measure_recovery(trained) if study.recover and trained.has_base_accuracy else None,
        features=measure_features(trained) if study.features else None,
    )
