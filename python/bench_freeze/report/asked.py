"""Sentences about what a study asks and what its numbers depend on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from ..results.inputs import preset_sentence
from ..results.schema import Results


def title(results: Results) -> str:
    """A one-line description of a study."""
    depths = sorted({row.freeze for row in results.rows}, reverse=True)
    what = _weights(results)
    if results.rows and all(row.train.given is not None for row in results.rows):
        what += " fine-tuned elsewhere"
    elif "training" in results.data:
        what += f" fine-tuned on {results.data['training'].name}"
    parts = [f"{'depth' if len(depths) == 1 else 'depths'} {_list(depths)}"] if depths else []
    for values in ([row.construction for row in results.rows], [row.engine for row in results.rows]):
        parts += [_list(list(dict.fromkeys(values)))] if values else []
    seeds = len({row.seed for row in results.rows})
    parts += [_count(seeds, "seed")] if seeds else []
    return f"{what}: {', '.join(parts)}" if parts else what


def asked(results: Results) -> str:
    """The question of a study in a few sentences."""
    study, data = results.study, results.data
    trained = [row for row in results.rows if row.train.given is None]
    given = {row.train.given.sha256: row.freeze for row in results.rows if row.train.given is not None}
    sentences = [] if given and not trained else [_trainings(results, sorted({row.freeze for row in trained}))]
    if given:
        also = "Also measure" if trained else "Measure"
        depths = _list(sorted(set(given.values()), reverse=True))
        sentences.append(
            f"{also} {_count(len(given), 'checkpoint')} fine-tuned elsewhere, given for {_weights(results)}; freeze "
            f"depth {depths}."
        )
    if study.get("construction") and study.get("engine"):
        precision = _list(study.get("precision") or ["fp32"])
        how = f"Models: {_list(study['construction'])}, on {_list(study['engine'])} in {precision}"
        sentences.append(f"{how}, {study.get('device', 'cpu')}.")
    scored = [
        f"{role} set {data[role].name} ({_count(data[role].images, 'image')})"
        for role in ("target", "base")
        if role in data
    ]
    if scored:
        sentences.append(f"Scored on the {' and the '.join(scored)}.")
    sentences += [preset_sentence(results.preset)] if results.preset is not None else []
    return " ".join(sentences)


def _trainings(results: Results, ascending: list[int]) -> str:
    """What is trained, and how."""
    study, data = results.study, results.data
    depths = ascending[::-1] or study.get("freeze")
    what = f"Fine-tune {_weights(results)}"
    if "training" in data:
        what += f" on {data['training'].name} ({_count(data['training'].images, 'image')})"
    if depths:
        what += f" with layers 0 to N-1 frozen, N = {_list(depths)}"
    training = [_count(study[k], w) for k, w in (("epochs", "epoch"),) if study.get(k)]
    training += [f"{study['imgsz']} pixels"] if study.get("imgsz") else []
    training += (
        [("seed " if len(study["seeds"]) == 1 else "seeds ") + _list(study["seeds"])] if study.get("seeds") else []
    )
    return what + (f"; {', '.join(training)}." if training else ".")


def caption(results: Results) -> str:
    """A sentence with the settings that the table's numbers depend on."""
    names = ("protocol", "score_threshold", "nms_iou_threshold", "max_detections")
    protocol, score, iou, most = (results.settings.get(name, "unknown") for name in names)
    return (
        f"AP by the {protocol} protocol (score > {score}, suppression at IoU {iou}, {most} detections); latency per "
        f"batch of {results.study.get('batch')}; base change = base mAP - original model's."
    )


def _weights(results: Results) -> str:
    if results.pretrainings:
        return _list([found.name for found in results.pretrainings])
    name = results.study.get("weights")
    names = name if isinstance(name, list) else [name] if name else []
    return _list([PurePath(name).name for name in names]) if names else "the embedded detector"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _list(items: Sequence[Any]) -> str:
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
