"""The report of a finished study: examples.json and report.html beside its results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..artifact import ArtifactStore
from ..console import Console
from ..errors import BenchFreezeError
from ..files import write_whole
from ..report.assemble import view_of
from ..report.html.page import report_page
from ..results.examples import EXAMPLES, encode_examples
from ..results.schema import Results
from ..results.sealing import seal
from ..study.inputs import Inputs
from .gather import gather_examples

REPORT = "report.html"


def write_report(
    folder: Path, results: Results, every: Sequence[Inputs], store: ArtifactStore, console: Console
) -> Path:
    """Write the report. If the example images cannot be made, write it without them and warn.

    The results are written already, so no error in the examples may end the study.
    """
    name = folder.resolve().name
    examples, absent = {}, []
    with console.step("write the report"):
        try:
            examples[name] = gather_examples(results, every, store)
            write_whole(folder / EXAMPLES, seal(encode_examples(examples[name]), indent=-1))
        except Exception as error:
            examples.clear()
            reason = str(error) if isinstance(error, BenchFreezeError) else f"{type(error).__name__}: {error}"
            absent.append(f"No example images: {reason}")
            console.warn(f"the report has no example images: {reason}")
        write_whole(folder / REPORT, report_page(view_of({name: results}), examples, absent).encode())
    return folder / REPORT
