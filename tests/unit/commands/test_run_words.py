"""What is typed behind `run`: every form of an option is the same flag, and a slip gets the nearest word."""

from pathlib import Path

import pytest
from docs.generate import filled

from bench_freeze import cli
from bench_freeze.cli import _parser
from bench_freeze.commands.run_flags import study_values
from bench_freeze.commands.run_words import run_words
from bench_freeze.config.aliases import ALIASES, ELSEWHERE, PLACE, SAME, TRAINING_WORDS, spelled
from bench_freeze.config.given import Layer, merged
from bench_freeze.config.presets import PRESETS
from bench_freeze.config.rules import NOT_FOR_STUDIES, OWN_TRAINING_KEYS
from bench_freeze.config.study import CHOICES, fields
from bench_freeze.errors import InputError
from bench_freeze.results.inputs import _words
from tests.hostile import HOSTILE

PAGE = filled((Path(__file__).parents[3] / "docs" / "reference" / "ultralytics.md").read_text())


def values(*typed):
    """The values of a study that a command line gives."""
    parsed = _parser().parse_args(["run", *run_words(typed).words])
    return merged([Layer("run", study_values(parsed), flags=True)]).values


def ended(words):
    """The status that a command line ends with."""
    try:
        return cli.main(words)
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("model=a.pt data=b.yaml imgsz=640 freeze=10", "--weights a.pt --target b.yaml --imgsz 640 --freeze 10"),
        ("--model a.pt --data b.yaml", "--weights a.pt --target b.yaml"),
        ("--model=a.pt", "--weights a.pt"),
        ("--freeze 10 22", "--freeze 10,22"),
        ("--freeze=10 22", "--freeze 10,22"),
        ("--freeze 10, 22 study.toml", "--freeze 10,22 study.toml"),
        ("--replay 0.1 1e-2", "--replay 0.1,1e-2"),
        ("--engine ort torch study.toml", "--engine ort,torch study.toml"),
        ("study.toml --engine ort torch", "study.toml --engine ort,torch"),
        ("--engine ort epochs=3", "--engine ort --epochs 3"),
        ("--same-classes a=b c=d", "--same-classes a=b,c=d"),
        ("--train_batch 8", "--train-batch 8"),
        ("--seed 0 1 2", "--seeds 0,1,2"),
        ("batch=16", "--train-batch 16"),
        ("--engine-batch 4", "--engine-batch 4"),
        ("--batch 4", "--batch 4"),
        ("mosaic=0.5 cos_lr=True", "--train-args mosaic=0.5 --train-args cos_lr=True"),
        ("--train-args mosaic=0.5", "--train-args mosaic=0.5"),
        ("ladder=True augment=False", "--ladder --no-augment"),
        ("--ladder true --no-share", "--ladder --no-share"),
        ("--project p --name n", "--project p --name n"),
        ("project=p name=n", "--project p --name n"),
        ("--max-det 10 conf=0.1 iou=0.5", "--max-detections 10 --score-threshold 0.1 --nms-iou-threshold 0.5"),
        ("--json -- a=b", "--json -- a=b"),
    ],
)  # fmt: skip
def test_every_form_is_the_same_flag(typed, same):
    assert run_words(typed.split()).words == tuple(same.split())


def test_a_negative_number_reaches_the_study():
    assert values("--freeze", "-1") == {"freeze": [-1]}
    assert values("freeze=-1") == {"freeze": [-1]}


def test_project_and_name_are_the_output_folder_wherever_they_stand():
    assert values("project=p", "name=n")["out"] == "p/n"
    assert values("name=n")["out"] == "runs/n"
    assert values("project=p", "data=x/fruit.yaml")["out"] == "p/fruit"
    file = Layer("s.toml", {"out": "old", "target": "fruit.yaml"})
    assert merged([file, Layer("run", {"name": "n"}, flags=True)]).values["out"] == "runs/n"
    assert merged([Layer("s.toml", {"project": "p"}), Layer("run", {"out": "o"}, flags=True)]).values["out"] == "o"
    with pytest.raises(InputError, match="out and name both name the output folder"):
        merged([Layer("s.toml", {"out": "a", "name": "b"})])
    with pytest.raises(InputError, match="does not name a folder"):
        merged([Layer("s.toml", {"name": 3})])


def test_whatever_took_batch_says_so():
    assert "the training's batch size (--train-batch)" in run_words(["batch=16"]).notes[0]
    flags = merged([Layer("run", {"batch": 8}, flags=True)])
    assert flags.values == {"batch": 8}
    assert "--batch 8 was taken as the engine's batch size; --engine-batch" in flags.notes[0]
    file = merged([Layer("s.toml", {"batch": 8})])
    assert "s.toml: batch = 8 was taken as the engine's batch size; engine_batch" in file.notes[0]
    assert merged([Layer("s.toml", {"engine_batch": 8})]) == ({"batch": 8}, ())


@pytest.mark.parametrize("typed", ["model=a weights=b", "--model a --weights b", "--batch 3 --engine-batch 4"])
def test_two_names_of_one_option_are_refused(typed):
    with pytest.raises(InputError, match="two names of the same option"):
        values(*typed.split())
    with pytest.raises(InputError, match="two names of the same option"):
        merged([Layer("s.toml", {"model": "a.pt", "weights": "b.pt"})])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["trian"], "did you mean 'run'? Commands are run, "),
        (["train", "model=a.pt"], "did you mean 'run'?"),
        (["exprt"], "did you mean 'export'?"),
        (["zzzz"], "'zzzz' is not a command; commands are run, "),
        (["help"], "did you mean '--help'?"),
        (["run", "--frezee", "10"], "--frezee is not a flag of run; did you mean '--freeze'?"),
        (["run", "-freeze", "10"], "did you mean '--freeze'?"),
        (["run", "--bacth", "8"], "did you mean '--train-batch' or '--engine-batch'"),
        (["run", "--zzzz"], "`bench-freeze run --help-all` lists all"),
        (["eval", "--gtt", "x"], "--gtt is not a flag of eval; did you mean '--gt'? Its flags are --help, --gt, --dt"),
        (["baseline", "updat"], "did you mean 'update'? Choices are update, add."),
        (["baseline", "update", "--reasn", "x"], "--reasn is not a flag of baseline update; did you mean '--reason'?"),
        (["eval", "--gt", "a", "--dt", "b", "--protocol", "coko"], "did you mean 'coco'? Choose one of coco, "),
        (["profile", "m.onnx", "--engine", "onnx"], "--engine onnx is not known; did you mean 'ort'? Choices are "),
        (
            ["run", "--engine", "tensorrt"],
            "engine = 'tensorrt' is not known; did you mean 'trt'? Choices are torch, ort",
        ),
        (["run", "precision=half"], "did you mean 'fp16'? Choices are fp32, fp16, int8."),
        (["run", "construction=grafed"], "did you mean 'grafted'?"),
        (["run", "--preset", "quik"], "preset = 'quik' is not known; did you mean 'quick'? Presets are quick, paper"),
        (["run", "epoch=5"], "'epoch' is not an option; did you mean 'epochs'?"),
        (["run", "mosaik=0.3"], "did you mean 'mosaic'?"),
        (["run", "resume=True"], "the same command continues where it stopped; leave it out."),
        (["run", "freeze=[0,1,2]"], "give several values as freeze=0,1,2. In Ultralytics a list names single layers"),
        (["run", "ladder=maybe"], "neither yes nor no"),
        (["run", "--device", "mps"], "use cpu, or one GPU: 0 or cuda:0"),
        (["run", "--device", "0,1"], "use cpu, or one GPU"),
        (["run", "imgsz=640x640"], "expected a whole number, got text"),
        (["run", "a.toml", "b.toml"], "'b.toml' is not expected here"),
    ],
)
def test_a_slip_gets_the_nearest_word_and_the_choices(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status = ended(words)
    error = capsys.readouterr().err
    assert status == 2
    assert sentence in error
    assert len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", list(HOSTILE.values()), ids=list(HOSTILE))
def test_whatever_is_typed_is_answered_in_one_line(text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in ([f"--{text}x"], ["run", f"a{text}=1"], ["run", f"--engine={text}x"], ["eval", f"--{text}y"]):
        assert ended(words) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize(("given", "device"), [("0", "cuda:0"), ("3", "cuda:3"), ("cuda", "cuda:0"), ("cpu", "cpu")])
def test_devices_are_called_as_ultralytics_calls_them(given, device):
    from bench_freeze.config.study import study_from

    assert study_from({"device": given}, "test").training.device == device
    if given.isdigit():
        assert study_from({"device": int(given)}, "test").deployment.device == device
    parsed = _parser().parse_args(["profile", "m.onnx", "--device", given])
    assert parsed.device == device


def test_the_page_has_the_table():
    for alias in ALIASES:
        assert f"| `{alias.word}` | `--{spelled(alias.word)}` | {alias.meaning} |" in PAGE
    for word, meaning in PLACE.items():
        assert f"| `{word}` | `--out` | {meaning} |" in PAGE
    for word, instead in ELSEWHERE.items():
        assert f"| `{word}` | {instead} |" in PAGE
    flat = " ".join(PAGE.split())
    assert ", ".join(f"`{word}`" for word in TRAINING_WORDS) in flat
    assert ", ".join(f"`{word}`" for word in SAME) in flat
    for name, preset in PRESETS.items():
        assert f"| `{name}` | {', '.join(f'`{key}` {_words(value)}' for key, value in preset.items())} |" in PAGE


def test_the_table_is_of_options():
    options = {option.name for option in fields()}
    assert {alias.option for alias in ALIASES} | set(SAME) <= options
    assert not options & {*(alias.word for alias in ALIASES), *PLACE, *TRAINING_WORDS, *ELSEWHERE}
    assert {name for preset in PRESETS.values() for name in preset} <= options
    assert set(CHOICES["engine"]) == {"torch", "ort", "ort-trt", "trt"}


def test_every_word_of_ultralytics_training_has_an_answer():
    """A key of its settings that nobody decided on would be an unknown option, or pass unseen."""
    cfg = pytest.importorskip("ultralytics.cfg")
    known = {
        *(option.name for option in fields()), *(alias.word for alias in ALIASES), *PLACE, *TRAINING_WORDS, *ELSEWHERE,
        *OWN_TRAINING_KEYS, *NOT_FOR_STUDIES,
    }  # fmt: skip
    keys = list(cfg.DEFAULT_CFG_DICT)
    settings = set(keys[keys.index("model") : keys.index("val")]) | set(keys[keys.index("lr0") : keys.index("cfg")])
    assert settings - known <= {
        "profile",
        "overlap_mask",
        "mask_ratio",
        "dropout",
        "distill_model",
        "dis",
        "pose",
        "kobj",
        "rle",
        "angle",
        "dlog",
        "dgrad",
        "dlam",
        "auto_augment",
        "erasing",
        "compile",
        "patience",
    }  # fmt: skip - of other tasks, or refused by the trainer
    assert set(TRAINING_WORDS) <= set(keys)
