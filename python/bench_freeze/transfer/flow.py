"""A transfer from start to end: read and check sources and sets, then frozen features, light readers, intervals."""

from __future__ import annotations

import resource
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .. import __version__
from ..console import Console
from ..data.classification_set import ClassificationSet, read_classification_set
from ..data.segmentation_set import SegmentationSet, read_segmentation_set
from ..data.source import open_target
from ..environment import environment, package_versions
from ..files import write_whole
from ..output import output_folder
from ..report.html.transfer_page import transfer_page
from ..report.html.transfer_pictures import TransferPictures
from ..results.sealing import seal
from ..results.transfer import Transfer, encode_transfer
from .answers import answers
from .classify import classification
from .clusters import MOST_EMBEDDED
from .crops import ObjectSet, crops, read_objects
from .features import FeatureStore
from .look import LookedAt, look, read_looked_at
from .pictures import thumbnails
from .probe import GRID, HELD_OUT, MAX_ITERATIONS, require_scikit_learn
from .request import TransferRequest
from .segment import segmentation
from .side_by_side import side_by_side
from .sources import check_depths, read_sources, unlike_layers
from .statistics import ALPHA, RESAMPLES

RESULTS = "transfer.json"
PAGE = "transfer.html"


def run_transfer(request: TransferRequest, console: Console, command: list[str]) -> Transfer:
    """Measure everything requested; transfer.json in the output folder is written after every part.

    Raises InputError, before any work, for anything that the user can fix. Features are stored in the output folder and
    found again by their content.
    """
    require_scikit_learn()
    with output_folder(request.out, console.warn) as store:
        with console.step("read weights") as step:
            sources = read_sources(request, step)
        check_depths(sources, request)
        labelled: ClassificationSet | None = None
        if request.classify is not None:
            with console.step("read classification set") as step:
                labelled = read_classification_set(request.classify, request.split, step)
        objects: ObjectSet | None = None
        if request.crops is not None:
            with console.step("read detection set") as step:
                objects = read_objects(*open_target(request.crops, None, None, request.detection_split, step))
        masked: SegmentationSet | None = None
        if request.segment is not None:
            with console.step("read segmentation set") as step:
                masked = read_segmentation_set(request.segment, request.split, step)
        looked_at: LookedAt | None = None
        if request.look is not None:
            with console.step("read the set to look at") as step:
                looked_at = read_looked_at(*open_target(request.look, None, None, request.detection_split, step))
        transfer = Transfer(
            bench_freeze=__version__,
            command=shlex.join(command),
            finished=False,
            settings=_settings(request),
            environment=environment() | {"probe": package_versions("scikit-learn", "scipy", "threadpoolctl")},
            sources=[source.facts() for source in sources],
            notes=[*unlike_layers(sources), *(labelled.notes if labelled is not None else ())],
        )
        for note in transfer.notes:
            console.warn(note)
        pictures = TransferPictures()
        features = FeatureStore(request, store, console)
        if labelled is not None:
            with _timed(transfer, "classification"):
                transfer.classification = classification(labelled, sources, request, features, console)
            _write(request, transfer, pictures)
        if labelled is not None and request.side_by_side:
            with _timed(transfer, "side_by_side"):
                transfer.side_by_side = side_by_side(labelled, sources, request, features, console)
                images = (*labelled.train.images, *labelled.test.images)
                if len(images) <= MOST_EMBEDDED:
                    with console.step("thumbnails") as step:
                        pictures.images = thumbnails(images, step)
            _write(request, transfer, pictures)
        if objects is not None:
            with _timed(transfer, "crops"):
                transfer.crops = crops(objects, sources, request, features, console)
            _write(request, transfer, pictures)
        if masked is not None:
            with _timed(transfer, "segmentation"):
                transfer.segmentation = segmentation(masked, sources, request, features, console)
            _write(request, transfer, pictures)
        if looked_at is not None:
            with _timed(transfer, "look"):
                transfer.look, pictures.looked = look(looked_at, sources, request, features, console)
            _write(request, transfer, pictures)
        transfer.finished = True
        _write(request, transfer, pictures)
    return transfer


def _settings(request: TransferRequest) -> dict[str, object]:
    return {
        "data_fractions": list(request.data_fractions),
        "seeds": list(request.seeds),
        "imgsz": request.imgsz,
        "device": request.device,
        "split": request.split,
        "features": "mean over the map of the backbone's last layer",
        "probe": "LogisticRegression(solver='lbfgs') on standardised features, scikit-learn",
        "c_grid": list(GRID),
        "c_chosen_by": f"log loss on {HELD_OUT:.0%} of the training samples, class by class",
        "max_iterations": MAX_ITERATIONS,
        "resamples": RESAMPLES,
        "confidence": 1 - ALPHA,
    }


@contextmanager
def _timed(transfer: Transfer, part: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    transfer.seconds[part] = round(time.monotonic() - began, 1)
    transfer.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _write(request: TransferRequest, transfer: Transfer, pictures: TransferPictures) -> None:
    transfer.answers = answers(transfer)
    write_whole(request.out / RESULTS, seal(encode_transfer(transfer)))
    write_whole(request.out / PAGE, transfer_page(transfer, pictures).encode(errors="backslashreplace"))
