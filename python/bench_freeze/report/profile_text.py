"""A profile as readable text."""

from __future__ import annotations

from collections.abc import Iterator

from ..results.profile import PowerModeFigures, Profile, StreamsLatency
from ..results.schema import Latency
from ..text import terminal


def profile_text(profile: Profile) -> str:
    """A whole profile, one fact per line; at the end, what could not be measured and why."""
    return terminal.lines(_lines(profile))


def _lines(profile: Profile) -> Iterator[str]:
    model, engine, machine = profile.model, profile.engine, profile.environment
    heads = ", ".join(model.get("heads", ()))
    yield f"{model['file']}  {model['bytes'] / 1e6:.2f} MB, heads {heads}, {model['imgsz']} pixels"
    threads = f", {engine['threads']} thread(s)" if engine.get("threads") else ""
    yield f"engine {engine['name']} {engine.get('version') or ''} {engine['precision']} on {engine['device']}{threads}"
    yield (
        f"machine {machine.get('cpu') or 'unknown'}, {machine.get('cores') or 'unknown'} cores, governor "
        f"{machine.get('governor') or 'not shown'}"
    )
    if plan := model.get("plan"):
        yield f"plan: {plan.get('why') or 'as given'}; {plan['sha256'][:12]}, built in {_seconds(plan.get('build_s'))}"
    yield f"images: {profile.images}; batch {profile.batch}"
    if profile.failure is not None:
        yield f"BROKE OFF: {profile.failure}"
        if profile.partial is not None:
            yield f"  samples taken before: {profile.partial.n}"
    if profile.latency is not None:
        for scope in ("model", "pipeline"):
            if (latency := getattr(profile.latency, scope)) is not None:
                yield from _latency(f"{scope}, sustained", latency)
    if profile.paced is not None:
        yield from _latency(f"model, paced at {profile.paced.rate_hz:g} Hz", profile.paced.latency)
        yield f"  {profile.paced.missed} of {profile.paced.periods} periods missed"
    for load in profile.streams:
        yield from _streams(load)
    if (cold := profile.cold) is not None:
        columns = zip(
            cold.load_s, cold.first_call_s, cold.second_call_s, strict=False
        )  # a run that broke off has begun a repetition
        rows = ("/".join(f"{1e3 * seconds:.1f}" for seconds in row) for row in columns)
        yield f"cold (load/first/second call, ms): {', '.join(rows)}"
    for scored in profile.accuracy:
        merged = f", merged {_fraction(scored.merged.map)}" if scored.merged is not None else ""
        yield (
            f"{scored.head} head on {scored.data} ({scored.images} images): mAP {_fraction(scored.alone.map)}, mAP50 "
            f"{_fraction(scored.alone.map50)}{merged}"
        )
    if profile.matches is not None:
        yield f"match data, for `bench-freeze check`: {profile.matches.file}"
    for point in profile.throughput:
        rate = "-" if point.images_per_s is None else f"{point.images_per_s:.1f}"
        beside = point.overlapped_images_per_s
        overlapped = "" if beside is None else f"  overlapped {beside:.1f} images/s"
        verdict = _verdict(point.latency)
        yield f"batch {point.batch:<4} {rate:>9} images/s  p50 {_ms(point.latency.p50_s)}{overlapped}  {verdict}"
    if (largest := profile.largest_batch) is not None:
        yield f"largest batch that fits: {largest.batch} (limited by {largest.limited_by})"
    if (energy := profile.energy) is not None:
        yield (
            f"energy per call: {energy.joules_per_call:.4g} J, above idle {energy.joules_per_call_above_idle:.4g} J "
            f"({energy.method}; idle {energy.idle_watts:.2f} W, {len(energy.windows_j)} windows of "
            f"{energy.window_s:.1f} s)"
        )
    for mode in profile.power_modes:
        yield from _power_mode(mode)
    if (versus := profile.versus) is not None:
        bounds = (
            "too few rounds for bounds"
            if versus.low is None or versus.high is None
            else f"[{versus.low:.4f}, {versus.high:.4f}]"
        )
        yield f"time of {versus.other} over this: {versus.ratio:.4f} {bounds}, {versus.rounds} rounds"
    for what, reason in profile.missing.items():
        yield f"not measured: {what}: {reason}"


def _streams(load: StreamsLatency) -> Iterator[str]:
    engines = "one engine" if load.engines == 1 else f"{load.engines} engines"
    threads = "" if load.threads is None else f" of {load.threads} thread(s)"
    rate = "without pause" if load.rate_hz is None else f"at {load.rate_hz:g} Hz"
    yield f"{load.streams} stream(s) {rate}, {engines}{threads}: {load.images_per_s:.1f} images/s"
    late = "" if load.late is None else f", {load.dropped} of {load.frames} frames dropped, {load.late} late"
    times = ", ".join(
        f"p{percent} {_ms(value)}" for percent in (50, 90, 99) if (value := getattr(load.latency, f"p{percent}_s"))
    )
    yield f"  arrival to result {times}{late}; {_verdict(load.latency)}"


def _power_mode(mode: PowerModeFigures) -> Iterator[str]:
    if mode.latency is None:
        yield f"power mode {mode.name}: not measured: {mode.missing}"
        return
    energy = "no energy counter" if mode.energy is None else f"{mode.energy.joules_per_call:.4g} J per call"
    hottest = max(mode.after.get("temperatures_c", {}).values(), default=None)
    warmth = "" if hottest is None else f", up to {hottest:.0f} degrees Celsius at its end"
    front = ", on the front" if mode.on_front else ""
    yield f"power mode {mode.name}: p50 {_ms(mode.latency.p50_s)}, {energy}{warmth}{front}; {_verdict(mode.latency)}"


def _latency(title: str, latency: Latency) -> Iterator[str]:
    yield f"{title}: {_verdict(latency)}"
    for percent in (50, 90, 99):
        bounds = latency.bounds.get(f"p{percent}")
        if bounds is None:
            continue
        if bounds.missing:
            yield f"  p{percent:<3} unavailable: {bounds.missing} more samples needed"
        else:
            value = getattr(latency, f"p{percent}_s")
            yield f"  p{percent:<3} {_ms(value)}  95 % bounds [{_ms(bounds.low_s)}, {_ms(bounds.high_s)}]"
    yield f"  {latency.n} samples after {latency.warmup_calls} warm-up calls, stopped by {latency.stopped_by}"
    if latency.stages_s is not None:
        stages = ", ".join(f"{stage} {_ms(seconds)}" for stage, seconds in latency.stages_s.items())
        yield f"  stages: {stages}; unaccounted {_ms(latency.unaccounted_s)}"


def _verdict(latency: Latency) -> str:
    reasons = f" ({'; '.join(latency.reasons)})" if latency.reasons else ""
    return f"{latency.verdict}{reasons}"


def _fraction(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _seconds(seconds: float | None) -> str:
    return "an unknown time" if seconds is None else f"{seconds:.1f} s"


def _ms(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds * 1e3:.3f} ms"
