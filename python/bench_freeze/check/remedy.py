"""What to do about a finding, as a sentence for the reader of a pull request."""

from __future__ import annotations

from dataclasses import replace

from .finding import Finding


def with_remedy(finding: Finding) -> Finding:
    """Add a remedy to a finding that did not pass and has none."""
    if finding.status == "PASS" or finding.remedy:
        return finding
    return replace(finding, remedy=_remedy(finding))


def _remedy(finding: Finding) -> str:
    is_timed = finding.rule.startswith("latency")
    if finding.status == "REFUSED":
        return "Make both runs comparable as described, or leave out this metric or row."
    if finding.status == "INVALID":
        return (
            "Measure it again, longer or on a quieter machine."
            if is_timed
            else "Use more images, or leave this metric out."
        )
    if finding.status == "AMBIGUOUS":
        if is_timed:
            if finding.rounds:
                return "Give it more time (--max-minutes), or set a limit farther from the measured latency."
            return (
                "Keep the baseline's models (`bench-freeze baseline update --with-models`), so that both are timed "
                "side by side; or add runs to the baseline (`bench-freeze baseline add`), 18 in all."
            )
        if finding.rule == "energy":
            return "Add runs to the baseline (`bench-freeze baseline add`), 18 in all."
        return "Use more images: these are too few to prove a change of this size."
    if finding.rule == "size":
        return "Find out why the file grew, or accept it with `bench-freeze baseline update`."
    return "Find out what changed since the baseline, or accept it with `bench-freeze baseline update`."
