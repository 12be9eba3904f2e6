"""When patience ends an arm and which epoch is its best, against the plain rule."""

from hypothesis import given
from hypothesis import strategies as st

from bench_freeze.config.recipe import Stage
from bench_freeze.finetune.course import Course
from bench_freeze.results.training_curves import HeldOutPoint
from tests.builders import training

MAPS = st.lists(st.none() | st.integers(0, 5).map(lambda k: k / 10), min_size=2, max_size=30)


@given(MAPS, st.integers(0, 4), st.integers(0, 5))
def test_the_rule(maps, patience, last_stage):
    epochs = len(maps) - 1
    asked = training(epochs=epochs, val_every=1, patience=patience, keep="last")
    course = Course(asked, (Stage(0, 22), Stage(last_stage, 10)))
    for epoch, found in enumerate(maps):
        course.add(HeldOutPoint(epoch=epoch, target_map=found, target_map50=None, base_map=None), dict)
        so_far = [(m, -e) for e, m in enumerate(maps[: epoch + 1]) if m is not None and e > last_stage]
        best = -max(so_far)[1] if so_far else None
        assert course.best_epoch == best  # the first of equals
        stops = patience > 0 and best is not None and epoch - best >= patience and epoch < epochs
        assert course.stopped == stops
        if stops:
            break


def test_a_course_goes_on_where_it_stood():
    asked = training(epochs=5, val_every=1, patience=2)
    course = Course(asked, (Stage(0, 22),))
    for epoch, found in enumerate((0.0, 0.3, None)):
        course.add(HeldOutPoint(epoch=epoch, target_map=found, target_map50=None, base_map=0.1), dict)
    other = Course(asked, (Stage(0, 22),))
    other.restore(course.state())
    assert other == course
    other.add(HeldOutPoint(epoch=3, target_map=0.2, target_map50=None, base_map=0.1), dict)
    assert other.stopped
