"""What the pipeline and the profile do with an engine that selects on its device and keeps two batches in flight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench_freeze.data.letterbox import Letterbox
from bench_freeze.deployment.pipeline import detect_batch
from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.replay_engine import ReplayEngine
from bench_freeze.engines.selection import select
from bench_freeze.kernels.nms_options import NmsOptions
from bench_freeze.profile.batches import IN_FLIGHT, overlapped_call
from tests.heads import random_head

SIZE = 64


def recorded(batch: int | None, images: int = 2) -> ReplayEngine:
    """A replay of one head of two classes."""
    head = random_head(0, images=images)
    names = tuple(str(k) for k in range(head.shape[1] - 4))
    card = ModelCard((Head("base", names, "raw"),), SIZE, batch, None)
    return ReplayEngine(card, [{"base": head}])


class OnDevice(ReplayEngine):
    """Selects for itself, as an engine with the fused scorer does; `says` is None where it cannot."""

    calls = 0
    says = True

    def detect(self, images: Any, settings: NmsOptions) -> Any:
        self.calls += 1
        outputs = self.infer(images)
        return {"base": select(outputs["base"], self.card.heads[0], settings)} if self.says else None


def boxes(count: int) -> list[Letterbox]:
    return [Letterbox.fit(640, 480, SIZE)] * count


@pytest.mark.parametrize("says", [True, False])
def test_the_engine_selects_where_it_can(says: bool) -> None:
    plain = recorded(2)
    engine = OnDevice(plain.card, [plain.infer(np.zeros((2, 3, SIZE, SIZE), np.float32))])
    engine.says = says
    images = np.zeros((2, 3, SIZE, SIZE), np.float32)
    found, expected = (detect_batch(e, images, boxes(2), NmsOptions())["base"] for e in (engine, plain))
    np.testing.assert_array_equal(found[0].scores, expected[0].scores)
    for own, other in zip(found[1], expected[1], strict=True):
        np.testing.assert_array_equal(own, other)
    assert engine.calls == 1


def test_a_batch_that_must_be_filled_up_goes_the_usual_way() -> None:
    plain = recorded(2)
    engine = OnDevice(plain.card, [plain.infer(np.zeros((2, 3, SIZE, SIZE), np.float32))])
    found = detect_batch(engine, np.zeros((1, 3, SIZE, SIZE), np.float32), boxes(1), NmsOptions())
    assert engine.calls == 0
    assert len(found["base"][1]) == 1


def test_overlapped_calls_are_for_engines_that_overlap() -> None:
    images = np.zeros((1, 3, SIZE, SIZE), np.float32)
    engine = recorded(None)
    assert overlapped_call(engine, images, 2) is None
    sizes: list[int] = []

    def infer_many(batches: Any) -> Any:
        for batch in batches:
            sizes.append(len(batch))
            yield engine.infer(batch)

    engine.infer_many = infer_many  # type: ignore[attr-defined]
    call = overlapped_call(engine, images, 2)
    assert call is not None
    call(0)
    assert sizes == [2] * IN_FLIGHT
