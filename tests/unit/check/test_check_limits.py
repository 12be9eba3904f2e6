"""Limits as they are written, by flag and in TOML: read in their unit, or refused in a sentence."""

import re
import shlex
from pathlib import Path

import pytest

from bench_freeze.check.limit import parse_limit
from bench_freeze.check.limits import FLAGS, make_rules
from bench_freeze.check.metric import METRICS
from bench_freeze.errors import InputError

ROOT = Path(__file__).parents[3]


def kind_of(metric):
    if metric.startswith(("target_", "base_")):
        return "rise" if metric.endswith("calibration") else "fall"
    return "latency" if metric.startswith("latency") else metric


# By kind of metric: what is read, as (amount in the metric's unit, is it a share).
READ = {
    "fall": {
        "0": (0, False),
        "0.005": (0.005, False),
        ".5": (0.5, False),
        "1e-3": (0.001, False),
        "0.999": (0.999, False),
        "0%": (0, True),
        "1%": (0.01, True),
        "1 %": (0.01, True),
        "99%": (0.99, True),
    },
    "rise": {"0": (0, False), "0.02": (0.02, False), "0.999": (0.999, False), "10%": (0.1, True), "300%": (3, True)},
    "latency": {
        "0": (0, False),
        "2ms": (0.002, False),
        "2 ms": (0.002, False),
        "0.5s": (0.5, False),
        "500us": (5e-4, False),
        "10s": (10, False),
        "5%": (0.05, True),
        "200%": (2, True),
        "0%": (0, True),
    },
    "size": {
        "0": (0, False),
        "1000": (1000, False),
        "100kB": (1e5, False),
        "2.5MB": (2.5e6, False),
        "1%": (0.01, True),
        "300B": (300, False),
        "1GB": (1e9, False),
    },
    "energy": {"0": (0, False), "50mJ": (0.05, False), "0.5J": (0.5, False), "5%": (0.05, True)},
}
ALWAYS_WRONG = ["", "much", "nan", "inf", "-inf", "NaN%", "inf%", "-1", "-0.001", "-5%", "-2ms", "1e999", "5%%", "0x10",
                "1_0%", "1,5", "1000%", "5000%", "1e9%", "%", "ms", "5 5", "1.2.3", "5m%", "٣"]  # fmt: skip
WRONG = {
    "fall": ["1", "1.0", "5", "100", "100%", "150%", "2ms", "1B", "0ms", "0.1J"],
    "rise": ["1", "1.0", "5", "100", "2ms", "1B"],
    "latency": ["0.5", "5", "1", "0.0005", "2m", "2MS", "1kB", "60s", "1e6ms", "3600s"],
    "size": ["0.5", "0.01", "1.5", "2ms", "100GB", "1e12", "1e11", "0.5mb"],
    "energy": ["0.5", "5", "2ms", "10000J", "1e9mJ"],
}


def cases(table):
    return [(metric, text) for metric in METRICS for text in table[kind_of(metric)]]


@pytest.mark.parametrize(("metric", "text"), cases(READ))
def test_a_limit_is_read_in_its_unit(metric, text):
    limit = parse_limit(text, "here", metric)
    assert (pytest.approx(limit.amount), limit.is_share) == READ[kind_of(metric)][text]  # type: ignore[comparison-overlap]
    again = parse_limit(str(limit), "here", metric)
    assert (again.amount, again.is_share) == (pytest.approx(limit.amount), limit.is_share)


@pytest.mark.parametrize(("metric", "text"), [*cases(WRONG), *((m, text) for m in METRICS for text in ALWAYS_WRONG)])
def test_a_limit_that_is_none_is_refused(metric, text):
    with pytest.raises(InputError) as refused:
        parse_limit(text, "where it stands", metric)
    said = str(refused.value)
    assert said.startswith(f"where it stands = {text}")
    assert said.endswith(".")
    assert "off" in said or "give " in said


@pytest.mark.parametrize("name", FLAGS)
def test_flags_and_rules_refuse_alike(name, tmp_path):
    """Every flag and the same metric in both tables of a file, with the name of where it stands."""
    metrics = FLAGS[name][0]
    wrong = [text for text in (*WRONG[kind_of(metrics[0])], *ALWAYS_WRONG) if text and "٣" not in text]
    file = tmp_path / "check.toml"
    for text in wrong:
        with pytest.raises(InputError, match=f"^--{name.replace('_', '-')} = {re.escape(text)}"):
            make_rules({name: text}, None)
        for metric in metrics:
            file.write_text(f'[limits]\n{metric} = "{text}"\n')
            with pytest.raises(InputError, match=f"limits: {metric} = {re.escape(text)}"):
                make_rules({}, file)
            file.write_text(f'[[rows]]\nwhere = {{ freeze = 15 }}\nlimits = {{ {metric} = "{text}" }}\n')
            with pytest.raises(InputError, match=f"rule 1: limits: {metric} = {re.escape(text)}"):
                make_rules({}, file)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "-0.5", "true", "1e308", "[0.1]", "1979-05-27"])
def test_plain_numbers_of_a_file_are_judged_too(metric, value, tmp_path):
    file = tmp_path / "check.toml"
    file.write_text(f"[limits]\n{metric} = {value}\n")
    with pytest.raises(InputError, match=f"limits: {metric} = "):
        make_rules({}, file)


@pytest.mark.parametrize("metric", METRICS)
def test_off_and_nothing(metric, tmp_path):
    assert parse_limit("off", "", metric) is parse_limit(" OFF ", "", metric) is None
    file = tmp_path / "check.toml"
    file.write_text(f"[limits]\n{metric} = 0\n")
    assert make_rules({}, file).common[metric].amount == 0


def test_a_latency_in_milliseconds_is_a_share_of_what_it_was():
    limit = parse_limit("2ms", "", "latency_model")
    assert limit.share(0.040) == pytest.approx(0.05)
    assert limit.absolute(0.040) == pytest.approx(0.002)
    assert str(limit) == "2ms"


def test_defaults_and_what_the_project_shows_are_limits():
    """Of the flags, of the ready file, and of every command in documentation, help and the ready workflows."""
    from bench_freeze.commands.check import CHECK_EPILOG

    make_rules({}, None)
    assert make_rules({}, ROOT / "examples" / "check.toml").common["base_map"].is_share
    texts = [
        CHECK_EPILOG,
        *(path.read_text() for path in (ROOT / "docs" / "howto" / "ci.md", *sorted((ROOT / "examples").iterdir()))),
    ]
    shown = 0
    for line in "\n".join(texts).splitlines():
        for flag, text in re.findall(r"--(max-(?:map|f1|class)-drop|max-[a-z]+-increase)[ =]([^\s`]+)", line):
            if flag.replace("-", "_") in FLAGS and shlex.split(text)[0][0].isdigit():
                make_rules({flag.replace("-", "_"): shlex.split(text)[0]}, None)
                shown += 1
    assert shown >= 5
