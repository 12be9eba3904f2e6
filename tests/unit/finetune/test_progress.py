"""Progress files: as they were written or not at all, finite or not at all."""

import pytest

from bench_freeze.finetune.progress import Progress, ProgressStore

KEY = "k" * 64


@pytest.fixture
def store(tmp_path):
    import torch

    said = []
    store = ProgressStore(tmp_path, said.append)
    store.said = said  # type: ignore[attr-defined]
    store.save({KEY: Progress(3, {"model": {"w": torch.arange(50.0)}}, {"generators": [1, 2]})})
    return store


def test_no_flipped_bit_is_loaded(store):
    path = store.path(KEY)
    content = path.read_bytes()
    head = range(8 * 110)
    for bit in (*head, *range(8 * 110, 8 * len(content), 41)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        assert store.load(KEY) is None, f"bit {bit}"
    path.write_bytes(content)
    assert store.load(KEY).epoch == 3


def test_a_damaged_file_is_put_aside_with_a_sentence(store, tmp_path):
    content = store.path(KEY).read_bytes()
    for damaged in (b"", content[:50], content[:-1], content + b"x"):
        store.said.clear()
        store.path(KEY).write_bytes(damaged)
        assert store.load(KEY) is None
        (aside,) = tmp_path.iterdir()
        assert aside.name == f"damaged-progress-{KEY[:12]}.pt"
        assert aside.read_bytes() == damaged
        (sentence,) = store.said
        assert str(store.path(KEY)) in sentence
        assert "starts over" in sentence


def test_a_file_of_an_earlier_version_is_put_aside_too(store):
    """It has no hash, so nothing tells whether it is what was written."""
    content = store.path(KEY).read_bytes()
    store.path(KEY).write_bytes(content[content.index(b"\n") + 1 :])
    assert store.load(KEY) is None
    assert len(store.said) == 1


def test_all_that_is_left_can_go(store, tmp_path):
    (tmp_path / "tuned-0123").mkdir()
    store.remove_all()
    assert [path.name for path in tmp_path.iterdir()] == ["tuned-0123"]
