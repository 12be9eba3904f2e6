"""Open trackers before any work, so that one that is not installed or not reachable is reported at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError
from .logbook import Logbook
from .tracker import Tracker


@contextmanager
def open_logbook(names: Sequence[str], folder: Path) -> Iterator[Logbook]:
    """Open the named trackers for the study in `folder`.

    Raises InputError if a tracker's package is missing, or if the tracker cannot be reached or logged in to.
    """
    trackers: list[Tracker] = []
    try:
        trackers.extend(_open(name, folder) for name in names)
    except BaseException:
        Logbook(trackers).close(failed=True)
        raise
    book = Logbook(trackers)
    try:
        yield book
    except BaseException:
        book.close(failed=True)
        raise
    book.close(failed=False)


def _open(name: str, folder: Path) -> Tracker:
    try:
        return _KINDS[name](folder)
    except ImportError as error:
        raise InputError(
            f"--log {name} needs the package {name} ({' '.join(str(error).split())[:200]}); "
            f"pip install 'bench-freeze[{name}]', or leave it out."
        ) from None
    except InputError:
        raise
    except Exception as error:  # each package has its own errors
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"--log {name} cannot be used: {reason}; correct its settings, or leave it out.") from None


def _mlflow(folder: Path) -> Tracker:
    from .mlflow_tracker import MlflowTracker

    return MlflowTracker(folder)


def _tensorboard(folder: Path) -> Tracker:
    from .tensorboard_tracker import TensorBoardTracker

    return TensorBoardTracker(folder)


def _wandb(folder: Path) -> Tracker:
    from .wandb_tracker import WandbTracker

    return WandbTracker(folder)


_KINDS: dict[str, Callable[[Path], Tracker]] = {"mlflow": _mlflow, "tensorboard": _tensorboard, "wandb": _wandb}
