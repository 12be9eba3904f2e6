"""Mutated documents are read or refused with a sentence; the short form of bench/robustness/documents.py."""

import os
import signal
from random import Random

import pytest
from bench.robustness import documents
from bench.robustness.document_kinds import kinds

pytestmark = pytest.mark.slow

KINDS = {kind.name: kind for kind in kinds()}


@pytest.mark.parametrize("name", KINDS)
def test_mutated_documents_are_read_or_refused(name):
    found = documents.run(minutes=1, seed=7, each=250, only=name)
    counts = found["kinds"][name]
    assert found["failures"] == []
    assert counts["documents"] == 250
    assert counts["refused"] + counts["read"] == 250
    assert min(counts["refused"], counts["read"]) > 5  # both happen, or the mutations are no test


@pytest.mark.parametrize("name", KINDS)
def test_the_documents_that_are_mutated_can_be_read(name, tmp_path):
    for content in KINDS[name].real:
        file = tmp_path / f"real{KINDS[name].suffix}"
        file.write_bytes(content)
        KINDS[name].use(file, Random(1))


def broken(path, rng):
    raise KeyError("a reader's fault")


def endless(path, rng):
    while True:
        pass


def deadly(path, rng):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("use", "what"), [(broken, "exceptions"), (endless, "hangs"), (deadly, "crashes")])
def test_the_fuzzer_sees_what_it_looks_for(use, what, monkeypatch):
    kind = documents.Kind("data yaml", ".yaml", (b"a: 1\n",), use)  # type: ignore[attr-defined]
    monkeypatch.setattr(documents, "kinds", lambda: [kind])
    monkeypatch.setattr(documents, "HANG_S", 0.1)
    found = documents.run(minutes=1, seed=0, each=1)
    assert found["kinds"]["data yaml"][what] == 1
    assert found["failures"][0]["index"] == 0
