"""Latency: its distribution, its samples in the order taken, its stages; throughput over batch sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...results.schema import Latencies, Latency
from ..view import RowView, View
from .figure import Axis, Box, Figure, Series, shown_first

MOST_SAMPLES = 1500  # per series: more than a plot has pixels; the results file has all
SCOPES = ("model", "pipeline")


def figures_of_latency(view: View) -> list[Figure]:
    """Every latency plot that has data."""
    found = [_distribution(view), *(_in_order(view, scope) for scope in SCOPES), _stages(view), _throughput(view)]
    return [figure for figure in found if figure is not None]


def _timed(view: View, scope: str) -> Iterator[tuple[RowView, Latency]]:
    for row in view.measured():
        latencies: Latencies | None = row.record.latency
        latency = None if latencies is None else getattr(latencies, scope)
        if latency is not None and latency.samples_s:
            yield row, latency


def _distribution(view: View) -> Figure | None:
    series, names = [], []
    for symbol, scope in enumerate(SCOPES):
        timed = list(_timed(view, scope))
        names += [row.name for row, _ in timed]
        boxes = [_box(latency.samples_s) for _, latency in timed]
        if timed:
            series.append(Series(scope, [row.name for row, _ in timed], boxes=boxes, mark="boxes", symbol=symbol))
    if not series:
        return None
    medians = {row.name: latency.p50_s for row, latency in _timed(view, "model") if latency.p50_s is not None}
    fastest = min(medians, key=lambda name: medians[name], default=names[0])
    return Figure(
        key="latency",
        title="Latency distributions",
        says=f"{len(dict.fromkeys(names))} models. The engine is fastest with {fastest}.",
        x=Axis("model", names=True, order=list(dict.fromkeys(names))),
        y=Axis("latency of a batch, ms", from_zero=True),
        series=series,
        shape="group",
        sideways=True,
        notes="Boxes: quartiles and median of the samples kept; whiskers: 5 % and 95 % of them. Model: the engine on a "
        "loaded batch; pipeline: image files to detections.",
    )


def _box(samples_s: Sequence[float]) -> Box:
    ordered = sorted(samples_s)

    def at(percent: float) -> float:  # nearest rank, as the percentiles of the table
        return 1e3 * ordered[max(0, -int(-percent * len(ordered) // 100) - 1)]

    return Box(at(5), at(25), at(50), at(75), at(95))


def _in_order(view: View, scope: str) -> Figure | None:
    timed = _measurements(view, scope)
    if not timed:
        return None
    series = []
    rejected = 0
    for position, (name, latency) in enumerate(timed):
        step = -(-len(latency.samples_s) // MOST_SAMPLES)
        kept = range(0, len(latency.samples_s), step)
        first = shown_first(position, len(timed), 3)
        series.append(
            Series(
                name=name,
                x=[i + 1 for i in kept],
                y=[1e3 * latency.samples_s[i] for i in kept],
                mark="line",
                group=name,
                first=first,
            )
        )
        marked = [r for r in latency.rejected_samples if r.seconds is not None]
        rejected += sum(latency.rejected.values())
        if marked:
            series.append(
                Series(
                    name=f"{name}: rejected",
                    x=[r.after for r in marked],
                    y=[1e3 * (r.seconds or 0.0) for r in marked],
                    labels=[r.reason for r in marked],
                    group=name,
                    symbol=4,  # a cross
                    first=first,
                )
            )
    return Figure(
        key=f"samples-{scope}",
        title=f"Samples in the order taken, {scope}",
        says=f"{len(timed)} measurements: {sum(latency.n for _, latency in timed)} samples kept, {rejected} rejected.",
        x=Axis("sample"),
        y=Axis("latency of a batch, ms", from_zero=True),
        series=series,
        choose=True,
        notes="A drift or a step is what makes a verdict AMBIGUOUS. Rejected samples are crosses; no statistic "
        "includes them."
        if rejected
        else "A drift or a step is what makes a verdict AMBIGUOUS. No sample was rejected.",
    )


def _measurements(view: View, scope: str) -> list[tuple[str, Latency]]:
    """Every measurement once, since rows of the same model share theirs."""
    found: dict[tuple[float, ...], tuple[list[str], Latency]] = {}
    for row, latency in _timed(view, scope):
        found.setdefault(tuple(latency.samples_s), ([], latency))[0].append(row.name)
    return [(" = ".join(names), latency) for names, latency in found.values()]


def _stages(view: View) -> Figure | None:
    staged = [(row, latency) for row, latency in _timed(view, "pipeline") if latency.stages_s]
    if not staged:
        return None
    order = ("read", "letterbox", "copy in", "engine", "copy out", "scorer")
    found = dict.fromkeys(stage for _, latency in staged for stage in latency.stages_s or {})
    stages = sorted(found, key=lambda stage: (order.index(stage) if stage in order else len(order), stage))
    names = [row.name for row, _ in staged]
    series = [
        Series(
            name=stage,
            x=names,
            y=[_milliseconds((latency.stages_s or {}).get(stage)) for _, latency in staged],
            mark="bars",
            group=stage,
        )
        for stage in stages
    ]
    rest = [_milliseconds(latency.unaccounted_s) for _, latency in staged]
    if any(rest):
        series.append(Series("not accounted for", x=names, y=rest, mark="bars", group="rest"))
    share = {row.name: (latency.stages_s or {}).get("engine", 0.0) / (latency.p50_s or 1.0) for row, latency in staged}
    return Figure(
        key="stages",
        title="Stages of the pipeline",
        says=f"{len(stages)} stages. The engine takes {min(share.values()):.0%} to {max(share.values()):.0%}.",
        x=Axis("model", names=True, order=names),
        y=Axis("median of a batch, ms", from_zero=True),
        series=series,
        shape="stack",
        sideways=True,
    )


def _throughput(view: View) -> Figure | None:
    series = []
    for position, found in enumerate(view.profiles):
        points = [p for p in found.profile.throughput if p.images_per_s is not None]
        if points:
            series.append(
                Series(
                    name=found.row.name if len(view.profiles) == 1 else f"{found.name}: {found.row.name}",
                    x=[p.batch for p in points],
                    y=[p.images_per_s for p in points],
                    labels=[p.latency.verdict or "" for p in points],
                    mark="line and points",
                    symbol=position,
                )
            )
    if not series:
        return None
    best = max((y or 0.0, name) for s in series for y, name in zip(s.y, [s.name] * len(s.y), strict=True))
    return Figure(
        key="throughput",
        title="Throughput against batch size",
        says=f"{len(series)} profiles; the most is {best[0]:.1f} images a second ({best[1]}).",
        x=Axis("images in a batch"),
        y=Axis("images a second", from_zero=True),
        series=series,
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds
