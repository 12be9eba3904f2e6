"""The scorer's results are those of x86-64, to the last bit, whatever processor this is."""

import json
from pathlib import Path

from tests.parity.digests import digests

KNOWN = json.loads((Path(__file__).parent / "digests.json").read_text())


def test_results_are_the_same_on_every_processor():
    assert digests() == KNOWN


def test_protocols_and_options_tell_the_inputs_apart():
    """Inputs of whole numbers could all come to nothing."""
    for kind in ("evaluator", "suppression", "letterbox"):
        known = {value for name, value in KNOWN.items() if name.startswith(kind) and "float16" not in name}
        assert len(known) == len([name for name in KNOWN if name.startswith(kind) and "float16" not in name])
