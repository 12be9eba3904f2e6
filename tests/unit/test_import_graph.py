"""Who may import whom: the rules of ARCHITECTURE.md, read from the code."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import bench_freeze

PACKAGE = Path(bench_freeze.__file__).parent
HEAVY = {"torch", "torchvision", "ultralytics", "onnx", "onnxruntime", "tensorrt", "pycuda"}
# Modules that need a framework for all they do import it at their top; they are only imported inside functions.
FRAMEWORK_MODULES = {
    "analysis.numbers.drift",
    "analysis.numbers.gather",
    "analysis.numbers.head_training",
    "analysis.numbers.two_models",
    "demo.train_base",
    "dualhead.ladder",
    "dualhead.model",
    "dualhead.new_head",
    "export.structure_key",
    "export.traces",
    "finetune.audit",
    "finetune.capacity",
    "finetune.data_order",
    "finetune.feature_cache",
    "finetune.head_init",
    "finetune.interpolation",
    "finetune.lockstep",
    "finetune.looks",
    "finetune.loop",
    "finetune.lr_search",
    "finetune.outcome",
    "finetune.replay_distill",
    "finetune.set_up",
    "finetune.trainee",
    "finetune.trainer",
    "finetune.training_data",
    "transfer.decoder",
    "transfer.frozen",
    "transfer.trainee",
    "transfer.tune",
}
# The floors of the house, from the ground up: a room looks down only, never beside itself.
FLOORS = (
    {"cores", "exit_status", "files"},
    {"crash_report", "errors"},
    {"finite", "pace", "text", "user_files"},
    {"guard", "progress", "results"},
    {"artifact", "config", "environment", "kernels", "measure"},
    {"console", "data", "output", "report", "trackers"},
    {"dualhead", "engines", "evaluate", "leftovers"},
    {"demo", "export", "finetune", "stats"},
    {"check", "conclusions", "deployment", "racing"},
    {"diff", "doctor", "history", "profile", "study"},
    {"analysis", "gallery", "interleaved", "predict", "shipping"},
    {"flow", "planning", "transfer"},
    {"api", "commands"},
    {"cli"},
    {"__main__"},
)
# Rooms that know less than all that lies below them.
KNOWS = {
    "analysis.numbers": {"dualhead", "errors", "results"},
    "check": {"errors", "evaluate", "exit_status", "files", "measure", "results", "stats", "text", "user_files"},
    "conclusions": {"data", "errors", "evaluate", "results", "stats"},
    "data": {"cores", "errors", "kernels", "text", "user_files"},
    "evaluate": {"data", "errors", "files", "kernels", "results", "text", "user_files"},
    "history": {"check", "errors", "results", "text", "user_files"},
    "racing": {"stats"},
    "report": {"errors", "results", "text", "user_files"},
    "results": {"errors", "files", "text", "user_files"},
    "trackers": {"errors", "results"},
}


def modules():
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(p for p in parts if p != "__init__"), file


@cache
def parsed(file):
    return ast.parse(file.read_text())


@cache
def for_types_only(file):
    """What only a type checker reads, by the identity of its nodes."""
    return {id(part) for node in ast.walk(parsed(file)) if is_for_types(node) for part in ast.walk(node)}


def is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(tree, name, file, *, top_only):
    """Imported modules: external ones by first name, own ones as a path from the package."""
    hidden = for_types_only(file)
    nodes = [node for node in (tree.body if top_only else ast.walk(tree)) if id(node) not in hidden]
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - node.level + 1]
            base = ".".join([*above, *(node.module.split(".") if node.module else [])])
            yield f".{base}" if node.module else f".{base}.{node.names[0].name}".replace("..", ".")


@pytest.mark.parametrize(("name", "file"), list(modules()), ids=lambda v: v if isinstance(v, str) else "")
def test_heavy_packages_are_imported_where_they_are_needed(name, file):
    tree = parsed(file)
    top = set(imports(tree, name, file, top_only=True))
    assert "bench_freeze" not in top, "own modules are imported relatively, so that these rules see them"
    if name not in FRAMEWORK_MODULES:
        assert not top & HEAVY
        own = {own.lstrip(".") for own in top if own.startswith(".")}
        assert not own & FRAMEWORK_MODULES


@cache
def own_imports(name, file):
    """Dotted names of own modules that a module imports, at its top or inside its functions."""
    found = imports(parsed(file), name, file, top_only=False)
    return {i.lstrip(".") for i in found if i.startswith(".")} - {""}


def room(name):
    return name.split(".")[0]


FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def test_every_room_stands_on_a_floor():
    rooms = {room(name) for name, _ in modules() if name}
    assert rooms == set(FLOOR)


def test_the_plan_names_every_room():
    plan = (PACKAGE.parents[1] / "ARCHITECTURE.md").read_text()
    packages = {room(name) for name, file in modules() if file.parent != PACKAGE}
    assert {name for name in packages if f"`{name}/`" not in plan} == set()


@pytest.mark.parametrize(("name", "file"), list(modules()), ids=lambda v: v if isinstance(v, str) else "")
def test_a_room_looks_down_only(name, file):
    """So there are no circles: every import leads to a lower floor, or stays in its room."""
    if not name:  # the package itself names its public things for type checkers
        return
    others = {room(i) for i in own_imports(name, file)} - {room(name)}
    assert {o for o in others if FLOOR.get(o, -1) >= FLOOR[room(name)]} == set()


def test_modules_of_a_room_import_in_no_circle():
    """Imports inside functions count; what only a type checker reads does not."""
    edges = {name: {i for i in own_imports(name, file) if i != name} for name, file in modules() if name}

    def reached(name):
        seen, left = set(), [name]
        while left:
            new = edges.get(left.pop(), set()) - seen
            seen |= new
            left += new
        return seen

    assert [name for name in edges if name in reached(name)] == []


@pytest.mark.parametrize("part", KNOWS)
def test_some_rooms_know_less(part):
    for name, file in modules():
        if name == part or name.startswith(f"{part}."):
            known = own_imports(name, file)
            wrong = {i for i in known if room(i) not in KNOWS[part] | {part} and not i.startswith(part)}
            assert not wrong, f"{name} imports {wrong}"


def test_only_two_modules_import_the_compiled_one():
    users = [
        name for name, file in modules() if "_ext" in file.read_text().split() or "import _ext" in file.read_text()
    ]
    assert users == ["kernels.ext", "kernels.results_ahead"]


RESULTS = str(Path(__file__).parents[2] / "bench" / "results" / "fruit9_precisions_320.json")
ACCURACY_OFF = [f"--max-{name}" for name in ("map-drop", "f1-drop", "calibration-increase")]
CHECK = ["check", RESULTS, "--baseline", RESULTS, *(part for flag in ACCURACY_OFF for part in (flag, "off"))]
REPORT = ["report", str(PACKAGE.parents[1] / "bench/results/fruit9_coco206_320.json"), "--html", os.devnull]


@pytest.mark.parametrize("command", [["--help"], ["doctor"], ["eval", "--help"], ["run", "--help"], CHECK, REPORT])
def test_light_commands_load_no_framework(command):
    program = (
        "import sys\nfrom bench_freeze.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('LOADED', sorted({'torch', 'ultralytics', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout


def test_files_stay_readable():
    long = {str(f.relative_to(PACKAGE)): n for _, f in modules() if (n := len(f.read_text().splitlines())) > 300}
    assert not long
