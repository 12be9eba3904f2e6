"""The study spec: what is accepted, and the sentence that refuses the rest."""

import dataclasses
import json
from pathlib import Path

import pytest

from bench_freeze.config.common import CommonOptions
from bench_freeze.config.study import Study, fields, read_toml, study_from
from bench_freeze.config.training import TrainingOptions
from bench_freeze.errors import InputError
from bench_freeze.finetune.arm import Arm, training_inputs
from bench_freeze.results.recipe import SCRATCH, STATIC, Recipe
from bench_freeze.study.facts import study_facts

OWN_DATA = {"weights": "a.pt", "target": "t.yaml", "base": "b.json"}


def test_defaults_are_the_embedded_study():
    study = study_from({}, "test")
    assert study.data.is_embedded
    assert study.deployment.construction == ("branched", "grafted")
    assert str(study.out_folder) == "runs/demo"


def test_a_study_of_own_data_is_named_after_the_target_set():
    assert str(study_from(OWN_DATA, "test").out_folder) == "runs/t"


def test_every_field_has_help():
    assert all(field.metadata["help"] for field in fields())


def test_toml_file_gives_the_same_study_as_values(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text('weights = "a.pt"\ntarget = "t.yaml"\nbase = "b.json"\nfreeze = [22, 15]\ntrain_batch = 8\n')
    assert study_from(read_toml(file), "study.toml") == study_from(
        {**OWN_DATA, "freeze": [22, 15], "train_batch": 8}, "flags"
    )


def test_one_value_stands_for_a_list_of_one():
    assert study_from({"freeze": 10, "engine": "ort"}, "test").training.freeze == (10,)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"train_bach": 8}, "did you mean 'train_batch'"),
        ({"freeze": [-1]}, "below 0"),
        ({"freeze": [10, 10]}, "twice"),
        ({"freeze": ["ten"]}, "freeze = "),
        ({"imgsz": 100}, "use 96"),
        ({"imgsz": 0}, "at least 1"),
        ({"epochs": 0}, "at least 1"),
        ({"dynamic_batch": [1, 32, 8]}, "not a smallest, typical and largest"),
        ({"dynamic_batch": [1, 8]}, "dynamic_batch = "),
        ({"dynamic_batch": [4, 8, 32]}, "give one from 4 to 32"),
        ({"engine": ["tensorrt"]}, "engine = "),
        ({"device": "gpu"}, "cuda:0"),
        ({"construction": []}, "empty"),
        ({"lr0": -0.1}, "above 0"),
        ({"recover": -1}, "number of epochs"),
        ({"analysis_seeds": "some"}, "analysis_seeds = "),
        ({"score_threshold": 1.5}, "from 0 to 1"),
        ({"seeds": [-3]}, "seed"),
        ({"recipe": ["statik"]}, "did you mean 'static'"),
        ({"recipe": ["zzz"]}, "recipes are static"),
        ({"recipe": ["replay_0.05"]}, "give --replay 0.05 instead"),
        ({"recipe": ["matched_15"]}, "give --match-capacity 15 instead"),
        ({"freeze": [22, 15], "match_capacity": [15]}, "no freeze depth of this study .22, 15. is below 15"),
        ({"match_capacity": [22, 22]}, "twice"),
        ({"augment": False, "train_args": {"multi_scale": 0.5}}, "'multi_scale' is augmentation"),
        ({"cache_features": True}, "add --no-augment"),
        ({"cache_features": True, "augment": False, "frozen_bn": "train"}, "leave frozen_bn = eval"),
        ({"recipe": ["scratch"]}, "give --scratch instead"),
        ({"scratch_epochs": 100}, "add --scratch, or leave it out"),
        ({"scratch_epochs": 0, "scratch": True}, "at least 1"),
        ({"scratch_epochs": 3, "val_every": 5, "scratch": True}, "is never reached in scratch_epochs = 3"),
        ({"unfreeze_schedule": "22@0,15@3,16@6"}, "depths fall"),
        ({"unfreeze_schedule": "22@1,15@3"}, "rise from 0"),
        ({"unfreeze_schedule": "22-0"}, "22@0,15@3,10@6"),
        ({"layer_decay": 0}, "above 0, up to 1"),
        ({"lp_share": 1}, "between 0 and 1"),
        ({"lr_search": 1}, "2 or more"),
        ({"lr_search": 4, "optimizer": "SGD"}, "--lr0 0.001"),
        ({"address": "auto"}, "add --executor ray"),
        ({"executor": "ray", "device": "cuda:1"}, "as cuda:0"),
        ({"replay": [0]}, "above 0, up to 1"),
        ({"data_fractions": [0.5, 0.5]}, "twice"),
        ({"interpolate": [1.5]}, "above 0, up to 1"),
        ({"replay_holdout": 0.2}, "nothing is replayed"),
        ({"replay": [0.1], "replay_set": "a.json", "replay_holdout": 0.2}, "give one of them"),
        ({"equivalence_margins": [0.001, 1.0]}, "0.1 points"),
        ({"resamples": 20}, "at least 100"),
        ({"max_base_drop": -0.1}, "from 0 to 1"),
        ({"min_target_map": 50}, "from 0 to 1"),
        ({"max_latency_ms": 0}, "above 0"),
        ({"max_latency_ms": 20, "latency_samples": 0}, "leave one out"),
        ({"retime": True, "latency_samples": 0}, "retime measures latencies again"),
        ({"same_classes": ["apple"]}, "red_apple=apple"),
        ({"frozen_bn": "train"}, "branched"),
        ({"weights": "a.pt"}, "--target and --base"),
        ({"train_args": {"freeze": 3}}, "'freeze' is set by freeze"),
        ({"train_args": {"batch": 3}}, "'batch' is set by train_batch"),
        ({"train_args": {"resume": True}}, "'resume' cannot be set"),
        ({"head_init": "random"}, "head_init = "),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(values, sentence):
    with pytest.raises(InputError, match=sentence):
        study_from(values, "study.toml")


def test_drifting_statistics_are_allowed_for_other_constructions():
    assert (
        study_from({"frozen_bn": "train", "construction": ["grafted", "plain"]}, "test").training.frozen_bn == "train"
    )


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(InputError, match="no such study file"):
        read_toml(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("freeze = [")
    with pytest.raises(InputError, match="not a TOML file"):
        read_toml(broken)


def test_recipes_with_a_share_are_named_after_it():
    study = study_from({"recipe": ["static", "lp_ft"], "replay": [0.05], "interpolate": [0.5, 1]}, "test")
    names = [recipe.name for recipe in study.training.recipes]
    assert names == ["static", "lp_ft", "replay_0.05", "interpolate_0.5", "interpolate_1"]


def test_arms_of_matched_capacity_are_those_below_the_depth():
    study = study_from({"freeze": [22, 15, 10], "match_capacity": [22, 15], "scratch": True}, "test")
    matched = [(15, "matched_22"), (10, "matched_22"), (10, "matched_15")]
    found = [(depth, recipe.name) for depth, recipe in study.training.trainings((22, 15, 10))]
    assert found == [(22, "static"), (15, "static"), (10, "static"), *matched, (0, "scratch")]


def test_random_weights_may_train_longer_and_no_other_training_has_another_key():
    def key(values, recipe):
        arm = Arm(0, 0, recipe)
        training = study_from({"scratch": True, **values}, "test").training
        return training_inputs(training.of(recipe), arm, "w", "d", {})

    usual, longer, throughout = {"epochs": 5}, {"epochs": 5, "scratch_epochs": 20}, {"epochs": 20}
    for recipe in (STATIC, Recipe("distill"), Recipe("replay", 0.1)):
        assert key(longer, recipe) == key(usual, recipe)
    assert key(longer, SCRATCH)["arguments"]["epochs"] == 20
    assert key(longer, SCRATCH) == key(throughout, SCRATCH)  # one training, however it was asked for
    assert key(longer, SCRATCH) != key(usual, SCRATCH)


def test_the_groups_share_the_common_options_only_and_agree_in_them():
    names = [option.name for group in dataclasses.fields(Study) for option in dataclasses.fields(group.default_factory)]
    common = {option.name for option in dataclasses.fields(CommonOptions)}
    assert {name for name in names if names.count(name) > 1} == common
    with pytest.raises(ValueError, match="disagree in imgsz: 320 and 640"):
        Study(training=TrainingOptions(imgsz=320))


def kept_studies():
    for file in sorted((Path(__file__).parents[3] / "bench/results").glob("fruit9_*.json")):
        content = json.loads(file.read_text())
        if isinstance(content.get("study"), dict):
            recorded = content["study"]
            recorded["dynamic_batch"] = recorded["dynamic_batch"] or None  # false in the oldest
            yield pytest.param(recorded, id=file.stem)


@pytest.mark.parametrize("recorded", list(kept_studies()))
def test_a_recorded_study_is_read_and_recorded_again(recorded):
    """Those of files that were written when a study had no groups, too."""
    found = json.loads(json.dumps(study_facts(study_from(recorded, "results.json"))))
    assert {name: found[name] for name in recorded} == recorded
