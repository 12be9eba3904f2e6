"""Real dual-head ONNX files for the precision and plan tests: the embedded detector with a second head."""

from __future__ import annotations

import numpy as np
import pytest

SIZE = 160


@pytest.fixture(scope="session")
def real_images(embedded_base_folder):
    """Letterboxed images [N, 3, S, S] of the embedded study."""
    from bench_freeze.deployment.calibration import IMAGES_PER_SET
    from bench_freeze.deployment.sample_images import sample_images

    return sample_images([str(embedded_base_folder)], SIZE, IMAGES_PER_SET)[::8]


@pytest.fixture(scope="session")
def embedded_files(tmp_path_factory):
    from bench_freeze import demo

    return demo.prepare(tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="session")
def embedded_base_folder(embedded_files):
    return embedded_files[2].parent.parent


@pytest.fixture(scope="session")
def export_dual(embedded_files, tmp_path_factory):
    """Export a dual-head model of the embedded detector, once for every depth and batch: (freeze, batch) -> path."""
    import torch

    from bench_freeze.deployment.deployment import Candidate
    from bench_freeze.dualhead.checkpoint import Checkpoint, load_checkpoint
    from bench_freeze.export.onnx_export import export_onnx
    from bench_freeze.finetune.head_init import with_new_head

    base = load_checkpoint(embedded_files[0])
    torch.manual_seed(0)
    names = ("one", "two", "three")
    model, _ = with_new_head(base.model, base.class_names, names, "name_remap")
    tuned = Checkpoint(model.eval(), base.layers, names, "0" * 64, False)
    folder, made = tmp_path_factory.mktemp("dual"), {}

    def export(freeze: int, batch: int | None):
        if (freeze, batch) not in made:
            candidate, path = Candidate("branched", base, tuned, freeze), folder / f"{freeze}_{batch}.onnx"
            export_onnx(candidate.module(), candidate.card(SIZE, batch), path, opset=18)
            made[freeze, batch] = path
        return made[freeze, batch]

    return export


@pytest.fixture(scope="session")
def convert_dual(export_dual, real_images, tmp_path_factory):
    """The same in a precision: (freeze, batch, precision) -> path."""
    from bench_freeze.export.precision import convert_precision

    folder, made = tmp_path_factory.mktemp("converted"), {}

    def convert(freeze: int, batch: int | None, precision: str):
        source = export_dual(freeze, batch)
        if precision == "fp32":
            return source
        path = folder / f"{freeze}_{batch}_{precision}.onnx"
        if path not in made:
            made[path] = convert_precision(source, path, precision, np.ascontiguousarray(real_images))
        return path

    return convert
