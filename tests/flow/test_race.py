"""A race of tiny trainings: what is left is what a study without a race trains, and a killed one goes on."""

import json
import shutil
from contextlib import contextmanager

import pytest
from tests.builders import results, study
from tests.flow.studies import artifacts, bench_freeze

from bench_freeze.artifact import ArtifactStore
from bench_freeze.finetune.arm import CHECKPOINT
from bench_freeze.study.arms import arms_of
from bench_freeze.study.inputs import read_inputs
from bench_freeze.study.plan import Silent, plan_of
from bench_freeze.study.race import raced
from bench_freeze.study.race_plan import units_after_race, units_of_race
from bench_freeze.study.trainings import kept_training

pytestmark = pytest.mark.slow

ASKED = {
    "freeze": [22, 15, 10], "seeds": [0, 1, 2], "epochs": 4, "imgsz": 64, "train_batch": 32, "data_fractions": [0.1],
    "latency_samples": 0, "resamples": 0, "construction": ["grafted"], "engine": ["torch"],
    "train_args": {"warmup_epochs": 0}, "workers": 1,
}  # fmt: skip
FLAGS = [
    "--freeze", "22,15,10", "--seeds", "0,1", "--epochs", "4", "--imgsz", "64", "--train-batch", "32",
    "--data-fractions", "0.1", "--latency-samples", "0", "--resamples", "0", "--construction", "grafted", "--engine",
    "torch", "--train-args", "warmup_epochs=0",
]  # fmt: skip
SHARE = "30%"  # of nine trainings: less than all arms take on one seed


class Listening(Silent):
    """Notes what trains."""

    def __init__(self):
        super().__init__(plain=True)
        self.trained, self.passes_found = [], 0.0

    def found(self, work, seconds=0.0):
        self.passes_found += work.units

    @contextmanager
    def step(self, title, **how):
        with super().step(title, **how) as step:
            yield step
        if not step.kept:
            self.trained.append(title)


class Held:
    """One race in a folder: what is left of it, its record, and the weights of what ended."""

    def __init__(self, folder, embedded, budget=SHARE, **own):
        weights, target, base = map(str, embedded)
        asked = study(**ASKED | own, budget=budget, weights=[weights], target=target, base=base, out=str(folder))
        store, console = ArtifactStore(folder / "artifacts"), Silent(plain=True)
        store.folder.mkdir(parents=True, exist_ok=True)
        every = read_inputs(asked, store, console)
        found, listening = results(), Listening()
        entered = [(inputs, arms_of(asked.training, inputs, every)) for inputs in every]
        self.planned = plan_of(asked, every, store, look_up=False)
        self.units, self.most_s = units_of_race(asked, every, self.planned)
        ((inputs, arms),), self.resumable = raced(asked, entered, store, found, listening)
        self.race, self.trained, self.passes_found = found.race, listening.trained, listening.passes_found
        self.units_after = units_after_race(self.planned, asked, {arm.name for arm in arms})
        self.weights = {
            (arm.freeze, arm.seed): kept_training(asked, arm, inputs, store).sha256(CHECKPOINT) for arm in arms
        }


@pytest.fixture(scope="module")
def held(embedded_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("race")
    return folder, Held(folder, embedded_data)


def test_arms_stop_with_their_epoch_and_reason_and_the_rest_has_the_same_seeds(held):
    folder, found = held
    race = found.race
    assert len(race.arms) == 3
    assert sorted([*race.finished, *(stop.arm for stop in race.stopped)]) == sorted(race.arms)
    assert race.stopped
    assert len(found.weights) == len(race.finished) * len(race.seeds)
    for stop in race.stopped:
        assert 1 <= stop.epoch < 4
        assert stop.seeds == [0]
        assert len(stop.target_map) == 1
        assert stop.reason
    passes = [decision.spent for decision in race.decisions]
    assert passes == sorted(passes)
    assert race.spent == passes[-1] <= race.limit
    assert race.limit == pytest.approx(0.3 * race.grid)
    left = {path.name for path in (folder / "artifacts").glob("progress-*.pt")}
    assert {f"progress-{key[:12]}.pt" for key in found.resumable} == left


def test_what_ends_is_what_a_race_without_stops_trains_and_what_stopped_goes_on(held, embedded_data, tmp_path):
    """Bit for bit, in one go or with pauses, alone or in company."""
    folder, found = held
    whole = Held(tmp_path / "whole", embedded_data, "100%")
    shutil.copytree(folder, tmp_path / "more")
    more = Held(tmp_path / "more", embedded_data, "100%")
    assert len(whole.weights) > len(found.weights)
    assert found.weights.items() <= whole.weights.items()
    assert more.weights == whole.weights
    first = found.race.decisions[0].epoch
    assert all("seed 0" not in title or not title.startswith(f"to epoch {first}:") for title in more.trained)


def test_the_same_race_again_trains_nothing(held, embedded_data, tmp_path):
    folder, found = held
    shutil.copytree(folder, tmp_path / "again")
    for left in (tmp_path / "again" / "artifacts").glob("progress-*.pt"):
        left.unlink()  # `clean` may have removed them: a decision that is kept needs no training
    again = Held(tmp_path / "again", embedded_data)
    assert again.race == found.race
    assert not again.trained
    assert again.passes_found == pytest.approx(found.race.spent)  # so that no time is foretold for it


def test_what_is_to_do_is_the_budget_and_then_the_models_of_what_is_left(held):
    """Every training is deployed once, and run on two sets: grafted, by torch, without latencies."""
    _, found = held
    assert found.units["train"] == pytest.approx(found.race.limit)
    assert found.most_s == {}
    assert found.units["deploy"] < 1 + 9  # the original, and not all trainings
    assert found.units_after["deploy"] == len(found.weights)
    assert found.units_after["train"] == 0


def test_a_race_that_was_killed_goes_on_with_its_decisions(held, embedded_data, tmp_path):
    folder, found = held
    shutil.copytree(folder, tmp_path / "killed")
    decisions = sorted(artifacts(tmp_path / "killed", "race", partial=False), key=lambda path: path.stat().st_mtime)
    for lost in (*decisions[1:], *artifacts(tmp_path / "killed", "tuned", partial=False)):
        shutil.rmtree(lost)
    again = Held(tmp_path / "killed", embedded_data)
    assert again.race == found.race
    assert again.weights == found.weights
    first = found.race.decisions[0].epoch
    assert not [title for title in again.trained if title.startswith(f"to epoch {first}:")]


def test_a_time_budget_counts_seconds_and_one_seed_shows_nothing(embedded_data, tmp_path):
    found = Held(tmp_path / "timed", embedded_data, "0.1s", seeds=[0], freeze=[22, 15]).race
    assert found.unit == "seconds"
    assert found.limit == 0.1
    assert found.spent > 0.1
    assert len(found.finished) == 1
    assert [stop.why for stop in found.stopped] == ["budget"]


def test_the_command_shows_the_race(embedded_data, tmp_path):
    out = tmp_path / "out"
    done = bench_freeze(*FLAGS, "--budget", "85%", "--out", out)
    assert done.returncode == 0, done.stderr
    found = json.loads((out / "results.json").read_text())
    race, page = found["race"], (out / "report.html").read_text()
    assert race["seeds"] == [0, 1]
    assert [(stop["epoch"], stop["why"]) for stop in race["stopped"]] == [(4, "budget")]  # two of three on seed 1
    assert {(row["freeze"], row["seed"]) for row in found["rows"]} == {
        (int(arm.split()[1]), seed) for arm in race["finished"] for seed in (0, 1)
    }
    assert "stopped in the race and have no rows" in " ".join(done.stdout.split())
    for stop in race["stopped"]:
        assert f"{stop['arm']} stops after epoch {stop['epoch']}: {stop['reason']}" in " ".join(done.stderr.split())
        assert f"{stop['arm']} stopped after epoch {stop['epoch']}" in page
    assert not list((out / "artifacts").glob("progress-*.pt"))  # its training on seed 0 is whole


def test_a_plan_says_what_the_budget_buys_and_a_run_refuses_one_that_is_too_little(tmp_path):
    plan = bench_freeze(*FLAGS, "--budget", "85%", "--plan", "--out", tmp_path / "plan")
    assert plan.returncode == 0, plan.stderr
    said = " ".join(plan.stdout.split())
    assert "Budget 85%: 85% of what all 3 arms and seeds 0, 1 take" in said
    assert "All arms begin on seed 0. The budget keeps 3 after epoch 1, 3 after epoch 2, and 3 to the end" in said
    assert "Then the rest of the budget pays for the best arms on further seeds: 2 on seed 1." in said
    refused = bench_freeze(*FLAGS, "--budget", "5%", "--out", tmp_path / "refused")
    assert refused.returncode == 2
    assert "budget = 5% is too little" in " ".join(refused.stderr.split())
    assert not artifacts(tmp_path / "refused", "tuned", partial=False)
    (total,) = [line for line in plan.stdout.splitlines() if line.lstrip().startswith("together, by the budget")]
    assert "for all arms to their ends" in total


TWO_DEPTHS = ["--freeze", "22,15", *FLAGS[2:]]


def test_arms_of_several_checkpoints_race_with_each_other(embedded_data, tmp_path):
    """Each is trained from its own checkpoint; what is left may be of one of them."""
    import torch

    from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint

    weights, target, base = embedded_data
    model = load_checkpoint(weights).model
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "dfl" not in name:
                parameter.add_(torch.randn_like(parameter) * 0.01)
    save_checkpoint(tmp_path / "moved.pt", model, half=True)
    out, named = tmp_path / "out", f"{weights},{tmp_path / 'moved.pt'}"
    data = ["--weights", named, "--target", target, "--base", base]
    done = bench_freeze("run", *data, *TWO_DEPTHS, "--budget", "45%", "--out", out)
    assert done.returncode == 0, done.stderr
    found = json.loads((out / "results.json").read_text())
    race, names = found["race"], [own["name"] for own in found["pretrainings"]]
    share = "on 0.1 of the images"
    assert race["arms"] == [f"{name} freeze {depth} {share}" for name in names for depth in (22, 15)]
    assert race["stopped"]
    assert {stop["weights"] for stop in race["stopped"]} <= set(names)
    rows = {(f"{row['weights']} freeze {row['freeze']} {share}", row["seed"]) for row in found["rows"]}
    assert rows == {(arm, seed) for arm in race["finished"] for seed in race["seeds"]}
    assert [original["weights"] for original in found["originals"]] == names
    for stop in race["stopped"]:
        assert f"{stop['arm']} stopped after epoch {stop['epoch']}" in (out / "report.html").read_text()


def test_arms_race_at_the_rates_that_were_searched_for_them(embedded_data, tmp_path):
    """The search comes first, is kept, and is no part of the budget; seeds of an arm may have other rates."""
    out = tmp_path / "out"
    flags = [*TWO_DEPTHS, "--budget", "45%", "--lr-search", "2", "--lr0", "0.01", "--optimizer", "SGD", "--out", out]
    done = bench_freeze(*flags)
    assert done.returncode == 0, done.stderr
    found = json.loads((out / "results.json").read_text())
    chosen = {(search["freeze"], search["seed"]): search["chosen"] for search in found["lr_searches"]}
    assert set(chosen) == {(freeze, seed) for freeze in (22, 15) for seed in (0, 1)}
    assert set(chosen.values()) <= {0.01, 0.00316}
    race = found["race"]
    assert race["arms"] == ["freeze 22 on 0.1 of the images", "freeze 15 on 0.1 of the images"]
    assert race["stopped"]
    assert found["rows"]
    for row in found["rows"]:
        assert row["train"]["requested"]["lr0"] == chosen[row["freeze"], row["seed"]]
    again = bench_freeze(*flags)
    assert again.returncode == 0, again.stderr
    assert json.loads((out / "results.json").read_text())["race"] == race
    steps = [line for line in again.stderr.splitlines() if "search rates" in line or "fine-tune" in line]
    assert steps
    assert all(line.endswith(" kept") for line in steps)
