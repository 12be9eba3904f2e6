"""The choice repeated in joint resamples over images and seeds: how often it is the same, and its optimism."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..results.study_statistics import Claim
from ..stats.joint import DRAWS, SEED, Joint, covariance_of_pairs, seed_factor
from .candidates import Candidate, Candidates, compared, loss_of
from .choice import Arms, choose
from .constraints import Constraints

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answered:
    """The answer to one of the two questions, over the resamples."""

    at: int  # the arm that answers it; -1 for none
    support: Array | None  # [A] share of resamples in which each arm is the answer; None if nothing can be resampled
    optimism: float | None  # how much the measured value of the answer exceeds its true value
    error: tuple[float, float] | None  # 2.5 and 97.5 % quantiles of measured minus true value, with repeated choice


@dataclass(frozen=True)
class Choice:
    """Both answers."""

    best: Answered
    pick: Answered
    silence: str | None  # why nothing can be resampled
    covers: str  # what the resamples vary: images and trainings, images, trainings or nothing


def choose_resampled(among: Candidates, constraints: Constraints) -> Choice:
    """The rule on the measured values, and on resamples of them."""
    candidates = among.every
    arms = _rule(among, constraints)
    target = np.array([[c.target for c in candidates]])
    change = np.array([[c.base_change for c in candidates]])
    best, pick = (int(found[0]) for found in choose(arms, target, change))
    may = [at for at, c in enumerate(candidates) if not c.breaks]
    joint, silence = _joint(among)
    if joint is None or not may:
        return Choice(Answered(best, None, None, None), Answered(pick, None, None, None), silence, "nothing")
    covers = " and ".join(
        name for name, part in (("images", joint.images), ("trainings", joint.seeds)) if part is not None
    )
    bases = _base_errors(candidates)
    trainings = _trainings(candidates)
    around = target + _spread(joint.errors(), trainings)
    supports = [_shares(found, len(candidates)) for found in choose(arms, around, change + bases)]
    centres = _spread(_centres(joint, trainings, may)[None], trainings)
    biases, errors = [], []
    for student in (False, True):
        noise = _spread(joint.errors(student=student), trainings)
        for found in choose(arms, centres + noise, change + bases):
            own = noise[np.arange(len(noise)), found][found >= 0]
            if student:
                errors.append(_ends(own))
            else:
                biases.append(float(own.mean()) if len(own) else 0.0)
    return Choice(
        Answered(best, supports[0], biases[0], errors[0]),
        Answered(pick, supports[1], biases[1], errors[1]),
        None,
        covers,
    )


def _rule(among: Candidates, constraints: Constraints) -> Arms:
    candidates = among.every
    reach = np.full((len(candidates), len(candidates)), np.inf)
    for i, best in enumerate(candidates):
        for j, arm in enumerate(candidates):
            _, ends = loss_of(arm.arm, best.arm, among)
            if ends is not None:
                reach[i, j] = ends.high - (best.target - arm.target)
    order = sorted(range(len(candidates)), key=lambda at: candidates[at].order)
    has_base_limit = among.has_base or constraints.max_base_drop is not None
    return Arms(
        reach=reach,
        cost=np.array([c.cost for c in candidates]),
        order=np.argsort(order),
        is_barred=np.array(
            [
                (has_base_limit and np.isnan(c.base_change)) or constraints.too_slow(c.arm.latency_p50_s)
                for c in candidates
            ],
            dtype=bool,
        ),
        max_drop=constraints.base_drop,
        min_target=-np.inf if constraints.min_target_map is None else constraints.min_target_map,
        indifference=constraints.indifference,
    )


def _trainings(candidates: Sequence[Candidate]) -> NDArray[np.int64]:
    """[A] index of each arm's training: arms of one training share a target head."""
    names = list(dict.fromkeys(c.arm.training for c in candidates))
    return np.array([names.index(c.arm.training) for c in candidates])


def _spread(of_trainings: Array, trainings: NDArray[np.int64]) -> Array:
    """Spread values of trainings [B, trainings] to their arms [B, A]."""
    return of_trainings[:, trainings]


def _firsts(candidates: Sequence[Candidate]) -> list[Candidate]:
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        found.setdefault(candidate.arm.training, candidate)
    return list(found.values())


def _joint(among: Candidates) -> tuple[Joint | None, str | None]:
    """The trainings' target mAP with its random variation; None and the reason if it is unknown."""
    firsts = _firsts(among.every)
    silent = next((c.arm.target.no_interval for c in firsts if c.arm.target.no_interval is not None), None)
    if silent is not None:
        return None, silent
    claims = [c.arm.target for c in firsts]
    seeds = seed_factor([dict(zip(c.arm.seeds, c.arm.target.per_seed, strict=True)) for c in firsts])
    known = [error for claim in claims if (error := _image_error(claim)) is not None]
    images = None
    if len(known) == len(claims):
        images = covariance_of_pairs([error**2 for error in known], _pairs(firsts, among))
    if images is None and seeds is None:
        return None, "one seed and no match data: nothing was varied"
    fewest = min((len(c.arm.seeds) for c in firsts if len(c.arm.seeds) > 1), default=2)
    return (
        Joint(
            values=np.array([claim.value for claim in claims]),
            images=images,
            image_degrees=min((claim.image_degrees or 1.0 for claim in claims), default=1.0),
            seeds=seeds,
            seed_degrees=float(fewest - 1),
        ),
        None,
    )


def _pairs(firsts: Sequence[Candidate], among: Candidates) -> dict[tuple[int, int], float]:
    found = {}
    for i, a in enumerate(firsts):
        for j, b in enumerate(firsts[:i]):
            entry = compared(a.arm, b.arm, among)
            if entry is None:
                continue
            if entry.identical:
                found[j, i] = 0.0
            elif (error := _image_error(entry.difference)) is not None:
                found[j, i] = error**2
    return found


def _image_error(claim: Claim) -> float | None:
    """The variance over images that the spread over seeds does not contain; older results do not separate the two."""
    return claim.image_error if claim.common_image_error is None else claim.common_image_error


def _centres(joint: Joint, trainings: NDArray[np.int64], may: Sequence[int]) -> Array:
    """The trainings' values, shrunk by the random spread among those that may be picked."""
    own = np.unique(trainings[list(may)])
    part = Joint(
        values=joint.values[own],
        images=None if joint.images is None else joint.images[np.ix_(own, own)],
        image_degrees=joint.image_degrees,
        seeds=None if joint.seeds is None else joint.seeds[own],
        seed_degrees=joint.seed_degrees,
    )
    found = joint.values.copy()
    found[own] = part.centres()
    return found


def _base_errors(candidates: Sequence[Candidate]) -> Array:
    """[B, A] random variation of the base changes, drawn independently, since only each arm's own limit depends on
    it."""
    claims = [c.arm.base_change for c in candidates]
    deviations = np.array([0.0 if claim is None else _deviation(claim) for claim in claims])
    return np.asarray(np.random.default_rng(SEED + 1).standard_normal((DRAWS, len(candidates))) * deviations)


def _deviation(claim: Claim) -> float:
    return float(np.hypot(claim.image_error or 0.0, claim.seed_error or 0.0))


def _shares(found: NDArray[np.int64], arms: int) -> Array:
    return np.bincount(found[found >= 0], minlength=arms) / len(found)


def _ends(errors: Array) -> tuple[float, float] | None:
    if not len(errors):
        return None
    low, high = np.quantile(errors, [0.025, 0.975])
    return float(low), float(high)
