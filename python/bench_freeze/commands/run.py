"""The flags of `bench-freeze run`, made from the fields of a study, and what it prints."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..config.study import Option, Study, fields, read_toml, study_from
from ..errors import InputError
from ..exit_status import exit_table
from ..text.json_text import print_json
from ..text.terminal import say
from .help_format import Commands, HelpFormatter
from .report import show

EPILOG = """\
Without --weights, --target and --base the embedded study runs: a small problem that the package generates itself.
`bench-freeze` alone, or with flags only, is `bench-freeze run`.

examples:
  bench-freeze --out runs/demo
  bench-freeze --weights yolov8n.pt --target fruit.yaml --base instances_val2017.json --freeze 22,15,10 --epochs 10
  bench-freeze run study.toml --engine ort,torch

A study file holds the same names as the flags, with underscores: train_batch = 16, freeze = [22, 15, 10].
Flags win over the file. A checkpoint can run any program while it is loaded: names beyond Ultralytics' own are refused
and shown, unless --trust-checkpoint is given.

"""
EPILOG += exit_table()


def add_run(commands: Commands) -> None:
    """Add the command to the parser's."""
    run = commands.add_parser(
        "run",
        help="fine-tune, build dual-head models, export, score and time them",
        description="Fine-tune at every freeze depth, make dual-head models, export them, and measure accuracy on both "
        "data sets and latency from the same artifact. Leaves OUT/results.json, OUT/report.html, OUT/best (the "
        "recommended model) and OUT/artifacts.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    run.add_argument("study", nargs="?", metavar="STUDY.toml", help="a study file; flags win over it")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for field in fields():
        name = field.metadata["group"]
        if name not in groups:
            groups[name] = run.add_argument_group(name)
        _add_study_flag(groups[name], field)
    groups["output"].add_argument(
        "--json", action="store_true", help="print results.json on standard output, no table, no progress bars"
    )
    groups["output"].add_argument(
        "--verbose", action="store_true", help="show every row, column and conclusion at the end, not the main ones"
    )
    run.set_defaults(call=_run)


def _add_study_flag(parser: argparse._ArgumentGroup, field: Option) -> None:
    flag = "--" + field.name.replace("_", "-")
    help_text, metavar = field.metadata["help"], field.metadata["metavar"]
    if field.name == "train_args":
        parser.add_argument(flag, action="append", metavar=metavar, help=help_text, default=None)
    elif field.type == "bool":
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=help_text)
    else:
        default = field.default
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        suffix = "" if default in (None, ()) else f" (default: {shown})"
        parser.add_argument(flag, metavar=metavar or _metavar(field), help=help_text + suffix, default=None)


def _metavar(field: Option) -> str:
    kind = str(field.type)
    return "N" if kind.startswith("int") else "X" if kind.startswith("float") else "NAME"


def study_values(parsed: argparse.Namespace) -> dict[str, object]:
    """The flags that were given, as the plain values that a study file would hold."""
    values: dict[str, object] = {}
    for field in fields():
        given = getattr(parsed, field.name)
        if given is None:
            continue
        kind = str(field.type)
        if field.name == "train_args":
            values[field.name] = dict(_key_value(text) for text in given)
        elif kind.startswith("tuple"):
            items = [item.strip() for item in given.split(",") if item.strip()]
            values[field.name] = [_number(i) for i in items] if "int" in kind or "float" in kind else items
        elif kind.startswith(("int", "float")):
            values[field.name] = _number(given)
        else:
            values[field.name] = given
    return values


def _number(text: str) -> int | float | str:
    """An int or a float where the text is one, else the text, which the study's own check then names."""
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _key_value(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"--train-args {text}: give KEY=VALUE, for example --train-args mosaic=0.5.")
    words = {"true": True, "false": False, "none": None}
    return key, words.get(value.lower(), _number(value))


def _run(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..console import Console
    from ..gallery.write import REPORT
    from ..report.assemble import view_of
    from ..results.schema import encode
    from ..results.sealing import seal
    from ..run import RESULTS, run

    from_file = read_toml(Path(parsed.study)) if parsed.study else {}
    values = from_file | study_values(parsed)
    where = parsed.study or "bench-freeze run"
    if not any(values.get(name) for name in ("weights", "target", "base")):
        from .. import demo

        values = read_toml(demo.STUDY_FILE) | values
    study: Study = study_from(values, where)
    results = run(study, Console(plain=parsed.json), command)
    if parsed.json:
        print_json(seal(encode(results)))
        return 0
    show(view_of({study.out_folder.resolve().name: results}), verbose=parsed.verbose)
    if results.best is not None:
        say(f"{study.out_folder / results.best}")
    say(f"{study.out_folder / RESULTS}")
    say(f"{study.out_folder / REPORT}")
    return 0
