"""What the budget of a race buys, in sentences, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence

from ..config.budget import parse_budget
from ..config.study import Study
from ..racing.bought import bought
from .arms import arms_of
from .inputs import Inputs
from .race import course_of_racers, racers_of
from .race_terms import fewest_passes, limit_of


def check_budget(study: Study, every: Sequence[Inputs]) -> None:
    """Raise InputError for a budget that does not let every arm begin and one end; nothing without a budget."""
    budget = study.training.budget
    if budget is not None:
        racers = racers_of(study, [(inputs, arms_of(study.training, inputs, every)) for inputs in every])
        passes = [racer.passes * study.training.epochs for racer in racers]
        limit_of(budget, passes, course_of_racers(study, racers))


def what_it_buys(study: Study, every: Sequence[Inputs], seconds: float | None, passes: float) -> list[str]:
    """Sentences; none without a budget. `seconds` is what so many image passes of training take, where it is known."""
    budget = study.training.budget
    if budget is None:
        return []
    racers = racers_of(study, [(inputs, arms_of(study.training, inputs, every)) for inputs in every])
    course = course_of_racers(study, racers)
    own = [racer.passes for racer in racers]
    of_a_seed = [each * study.training.epochs for each in own]
    grid = sum(of_a_seed) * len(course.seeds)
    of_a_pass = None if not seconds or not passes else seconds / passes
    asked = parse_budget(budget)
    if asked.share is not None:
        limit = asked.share * grid
    elif of_a_pass is not None and asked.seconds is not None:
        limit = asked.seconds / of_a_pass
    else:
        return [f"Budget {budget}: no training is to be done whose time could be tried."]
    time = "" if of_a_pass is None else f", about {limit * of_a_pass / 60:.0f} of {grid * of_a_pass / 60:.0f} minutes"
    share = f"{min(1.0, limit / grid):.0%} of what all {len(racers)} arms and {_seeds(course.seeds)} take"
    lines = [f"Budget {budget}: {share}{time}."]
    if limit < (fewest := fewest_passes(of_a_seed, course)):
        return [*lines, f"That is too little: to begin all arms and end one takes {fewest / grid:.0%}."]
    stages = bought(course, sum(own) / len(own), limit)
    going = [f"{arms} after epoch {epoch}" for epoch, arms in stages]
    last = stages[-1][1] if stages else len(racers)
    lines.append(
        f"All arms begin on {_seeds(course.opening)}. If none is shown to be worse, the budget lets go on: "
        f"{', '.join(going) or 'all'}; so {last} to the end. Arms that are shown to be worse make room for others."
        + ("" if len(course.opening) > 1 else " Of one seed nothing is shown: the budget alone decides.")
    )
    if course.further:
        one = sum(of_a_seed) / len(of_a_seed) / limit
        lines.append(
            f"Then {_seeds(course.further)}, one by one, as long as the rest pays for all arms that are left: an arm "
            f"takes {one:.1%} of the budget a seed."
        )
    return lines


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
