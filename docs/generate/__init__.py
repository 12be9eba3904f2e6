"""Parts of the documentation that are made from the code and the kept results, so that they cannot disagree.

A page says where a part stands: `<!-- generated: NAME -->` on a line of its own. `docs/conf.py` fills it in at build
time, and the tests read pages in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from .api import python_api
from .command_line import command_line
from .exit_statuses import exit_statuses
from .outputs import report_output
from .results_schema import results_schema
from .studies import STUDIES, capacity_table, command, depths_table, first_run_table, precisions_table, recipes_table
from .study_file import study_file
from .words import alias_table, elsewhere_table, preset_table, same_words, training_words

PARTS: dict[str, Callable[[], str]] = {
    "alias_table": alias_table,
    "capacity_table": capacity_table,
    "command_line": command_line,
    "depths_table": depths_table,
    "elsewhere_table": elsewhere_table,
    "exit_statuses": exit_statuses,
    "first_run_table": first_run_table,
    "precisions_table": precisions_table,
    "preset_table": preset_table,
    "python_api": python_api,
    "recipes_table": recipes_table,
    "report_output": report_output,
    "results_schema": results_schema,
    "same_words": same_words,
    "study_file": study_file,
    "training_words": training_words,
    **{f"command_of_{study}": partial(command, study) for study in STUDIES},
}
_PLACE = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)


def filled(page: str) -> str:
    """A page with its generated parts. Raises KeyError for a part that nobody makes."""
    return _PLACE.sub(lambda place: PARTS[place[1]](), page)
