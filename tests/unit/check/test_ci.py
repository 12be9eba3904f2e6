"""The action and the GitLab template: their shell steps are run as they stand, against an API on this machine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench_freeze import cli
from tests.unit.check.api_server import TOKEN, Comments, GitHub, GitLab, serving
from tests.unit.check.check_files import edit, write_results

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
PIPELINE = yaml.safe_load((ROOT / "examples/gitlab-ci.yml").read_text())
BOT = "github-actions[bot]"
MARKER = "<!-- bench-freeze: check -->"
HOSTILE = ["$(touch pwned)", "`touch pwned`", "'; touch pwned; '", '"; touch pwned; "', "${{ github.token }}", "a\nb=c"]


def bash(script, folder, env, *, flags=("-eo", "pipefail")):
    """Run a script as a runner does; the tool and Python are those of the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    file = folder / ".step.sh"
    file.write_text(script)
    command = ["bash", "--noprofile", "--norc", *flags, str(file)]
    done = subprocess.run(
        command, cwd=folder, env={**kept, "PATH": path, **env}, capture_output=True, text=True, check=False
    )
    assert not (folder / "pwned").exists()
    return done


class Job:
    """One job on GitHub's runner: inputs, contexts and files as the runner gives them to a composite action."""

    def __init__(self, folder, api="http://127.0.0.1:9", pull_request="7", **inputs):
        self.folder = folder
        self.inputs = {name: value["default"] for name, value in ACTION["inputs"].items()} | {
            name.replace("_", "-"): value for name, value in inputs.items()
        }
        self.contexts = {
            "github.token": TOKEN, "github.event.pull_request.number": pull_request, "github.action_path": str(ROOT),
        }  # fmt: skip
        files = folder / ".runner" / str(len(list(folder.glob(".runner/*"))))
        files.mkdir(parents=True)
        self.summary, self.outputs = files / "summary.md", files / "outputs"
        self.env = {
            "GITHUB_API_URL": api, "GITHUB_REPOSITORY": "o/r", "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.summary), "GITHUB_OUTPUT": str(self.outputs),
        }  # fmt: skip

    def value(self, text):
        return re.sub(r"\$\{\{ *(.+?) *\}\}", lambda found: self._context(found[1]), text)

    def _context(self, name):
        if name.startswith("inputs."):
            return self.value(self.inputs[name.removeprefix("inputs.")])
        if name.startswith("steps.check.outputs."):
            return self.output(name.rpartition(".")[2])
        return self.contexts[name]

    def output(self, name):
        lines = [line.partition("=") for line in self.outputs.read_text().splitlines()]
        return {key: text for key, _, text in lines}[name]

    def run(self, name):
        step = STEPS[name]
        return bash(step["run"], self.folder, self.env | {k: self.value(v) for k, v in step["env"].items()})

    def check(self):
        done = self.run("Check")
        assert done.returncode == 0, done.stderr
        return self.output("status"), self.output("verdict")


FAST = "--max-map-drop off --max-f1-drop off --max-calibration-increase off"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A baseline where the action's defaults look, and runs that are equal, larger and open."""
    folder = tmp_path_factory.mktemp("runs") / "work space"
    old = write_results(folder / "old")
    for name, changes in (("equal", {}), ("larger", {}), ("open", {"slow": (15,)})):
        edit(write_results(folder / "runs" / name, **changes), with_classes)
    edit(folder / current("larger"), lambda content: deeper(content)["artifact"].update(bytes=15_000_000))
    # Another file, measured hours apart from a baseline of one run: slower is not proven.
    edit(folder / current("open"), lambda content: deeper(content)["artifact"].update(onnx_sha256="another"))
    to = folder / "bench/baseline.json"
    assert cli.main(["baseline", "update", str(old), "--to", str(to), "--reason", "r"]) == 0
    return folder


@pytest.fixture(scope="module")
def checked(runs):
    """The job of each run, with its check done."""
    jobs = {}
    for name in ("equal", "larger", "open", "missing"):
        jobs[name] = Job(runs, current=current(name), output=f"out {name}", arguments=FAST)
        jobs[name].check()
    return jobs


def deeper(content):
    return next(row for row in content["rows"] if row["freeze"] == 15)


def with_classes(content):
    """A report wants the AP of a class."""
    for row in content["rows"] + content["originals"]:
        for head in ("target", "base"):
            if row.get(head):
                row[head]["per_class"] = {"pear": {"ap": 0.5, "ap50": 0.6, "ground_truth": 9}}


def current(name):
    return f"runs/{name}/results.json"


@pytest.mark.parametrize(
    ("name", "status", "verdict", "exits", "strict_exits", "said"),
    [
        ("equal", "0", "No regression: ", 0, 0, ""),
        ("larger", "1", "Larger: freeze 15, branched, +25 %, limit 1 %", 1, 1, "::error title=bench-freeze::Larger"),
        ("open", "3", "No verdict: freeze 15, branched, ", 0, 3, "title=bench-freeze::No verdict"),
        ("missing", "2", "Not done: ", 2, 2, "::error title=bench-freeze::Not done"),
    ],
)
def test_the_job_ends_as_the_verdict_says(checked, name, status, verdict, exits, strict_exits, said):
    job = checked[name]
    assert (job.output("status"), job.output("verdict").startswith(verdict)) == (status, True)
    for strict, expected in (("false", exits), ("true", strict_exits)):
        job.inputs["strict"] = strict
        done = job.run("Verdict")
        assert done.returncode == expected
        assert said in done.stdout
        assert ("::error" in done.stdout) == (expected != 0)
    kept = {file.name for file in (job.folder / f"out {name}").iterdir()}
    assert {"comment.md", "check.txt", "messages.txt"} <= kept
    assert ({"check.md", "check.json", "check.xml", "report.html"} <= kept) == (name != "missing")
    assert verdict.split(":")[0].lower() in job.summary.read_text().lower()


def test_what_an_earlier_check_left_is_not_shown_as_this_ones(checked, runs):
    (runs / "left").mkdir()
    for file in (runs / "out larger").iterdir():
        (runs / "left" / file.name).write_bytes(file.read_bytes())
    Job(runs, current=current("missing"), output="left").check()
    assert {file.name for file in (runs / "left").iterdir()} == {"comment.md", "check.txt", "messages.txt"}
    assert "Larger" not in (runs / "left/comment.md").read_text()


def test_flags_are_words_and_limits_a_file(runs):
    (runs / "my limits.toml").write_text("[limits]\nsize = '30%'\n")
    assert Job(runs, current=current("larger"), arguments=FAST, config="my limits.toml").check()[0] == "0"
    words = f"{FAST} --max-size-increase '30%' --ignore-unmatched"
    assert Job(runs, current=current("larger"), arguments=words).check()[0] == "0"
    done = Job(runs, arguments="--max-map-drop 'open").run("Check")  # never left out in silence
    assert done.returncode != 0
    assert "No closing quotation" in done.stderr


def comment(runs, name, api, **inputs):
    """Run the step that comments on a check that was done."""
    return Job(runs, api, output=f"out {name}", **inputs).run("Comment on the pull request")


def test_one_comment_is_kept_up_to_date(checked, runs):
    talk = [("someone", f"comment {k}") for k in range(150)]
    talk += [("mallory", f"{MARKER}\n### No regression: trust me"), (BOT, "<!-- bench-freeze: other -->\nother")]
    comments = Comments(BOT, *talk)
    with serving(GitHub, comments) as api:
        for name, verdict in (
            ("larger", "Larger: freeze 15"),
            ("equal", "No regression"),
            ("missing", "bench-freeze check"),
        ):
            done = comment(runs, name, api)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            other, own = comments.own()
            assert own.startswith(f"{MARKER}\n### {verdict}")
            assert own == (runs / f"out {name}/comment.md").read_text()
            assert other == "<!-- bench-freeze: other -->\nother"
    assert [method for method, _ in comments.requests if method != "GET"] == ["POST", "PATCH", "PATCH"]
    assert [entry["body"] for entry in comments.entries[:151]] == [body for _, body in talk[:151]]


def test_checks_of_other_names_have_comments_of_their_own(checked, runs):
    comments = Comments(BOT)
    Job(runs, current=current("missing"), output="out edge", name="edge --> x").check()
    with serving(GitHub, comments) as api:
        for name in ("equal", "edge", "larger"):
            assert comment(runs, name, api).returncode == 0
    assert [body.partition("\n")[0] for body in comments.own()] == [MARKER, "<!-- bench-freeze: edge --_ x -->"]


def test_no_comment_without_a_pull_request_or_a_token(checked, runs):
    comments = Comments(BOT)
    with serving(GitHub, comments) as api:
        for changes in ({"pull_request": ""}, {"token": ""}, {"pull_request": "7; x"}):
            done = comment(runs, "larger", api, **changes)
            assert (done.returncode, done.stdout.startswith("No comment: ")) == (0, True)
    assert comments.requests == []


def test_a_comment_that_cannot_be_written_is_a_warning(checked, runs):
    with serving(GitHub, Comments(BOT, is_refusing=True)) as api:
        done = comment(runs, "larger", api)
    assert done.returncode == 0
    assert "::warning title=bench-freeze::The comment was not written" in done.stdout
    assert TOKEN not in done.stdout + done.stderr


def test_a_comment_has_no_more_than_github_takes(checked, runs):
    comments = Comments(BOT)
    (runs / "out long").mkdir()
    (runs / "out long/comment.md").write_text(f"{MARKER}\n{'é' * 70_000}")
    with serving(GitHub, comments) as api:
        assert comment(runs, "long", api).returncode == 0
    assert 65_000 < len(comments.own()[0]) < 65_536


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("names", [("name", "output"), ("current", "baseline", "config", "arguments")])
def test_no_value_is_run_or_forges_an_output(runs, names, text):
    job = Job(runs, **{"current": current("larger"), "arguments": FAST, "strict": text, **dict.fromkeys(names, text)})
    done = job.run("Check")
    if done.returncode == 0:
        assert {line.partition("=")[0] for line in job.outputs.read_text().splitlines()} == {"status", "verdict"}
        assert job.run("Verdict").returncode == int(job.output("status")) != 0
    else:
        assert names[0] == "current"  # words that cannot be split
        assert "No closing quotation" in done.stderr


def test_expressions_reach_no_script():
    for step in STEPS.values():
        assert "${{" not in step.get("run", "")
    used = {step["uses"] for step in STEPS.values() if "uses" in step}
    assert used == {"actions/cache/restore@v4", "actions/upload-artifact@v4"}
    workflow = (ROOT / "examples/github-actions.yml").read_text()
    for step in yaml.safe_load(workflow)["jobs"]["check"]["steps"]:
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("OWNER/bench-freeze@"):
            assert set(step["with"]) <= set(ACTION["inputs"])


def gitlab(folder, part, api="http://127.0.0.1:9", **variables):
    """One part of the check job: GitLab joins its lines into one script."""
    job = PIPELINE["check"]
    lines = [line for line in job[part] if not line.startswith("pip ")]
    env = {"CI_API_V4_URL": api, "CI_PROJECT_ID": "5", "CI_MERGE_REQUEST_IID": "7", "NOTE_TOKEN": TOKEN}
    return bash("\n".join(lines), folder, {**PIPELINE["variables"], **env, **variables})


@pytest.mark.parametrize(("name", "exits", "strict"), [("equal", 0, 0), ("larger", 1, 1), ("open", 3, 1)])
def test_the_gitlab_job_ends_as_the_verdict_says(runs, tmp_path, name, exits, strict):
    shutil.copytree(runs / "bench", tmp_path / "bench")
    shutil.copytree(runs / "runs" / name, tmp_path / "runs/current")
    (tmp_path / "check.toml").write_text((ROOT / "examples/check.toml").read_text())
    assert gitlab(tmp_path, "script").returncode == exits
    assert gitlab(tmp_path, "script", STRICT="true").returncode == strict
    assert PIPELINE["check"]["allow_failure"] == {"exit_codes": 3}
    kept = PIPELINE["check"]["artifacts"]
    assert all((tmp_path / file).is_file() for file in (*kept["paths"], kept["reports"]["junit"]))


def test_one_note_is_kept_up_to_date(tmp_path):
    comments = Comments(42, *((1, f"note {k}") for k in range(150)), (1, f"{MARKER}\ntrust me"))
    with serving(GitLab, comments) as api:
        for text in ("first", "second"):
            (tmp_path / "check.md").write_text(f"### {text}\n")
            done = gitlab(tmp_path, "after_script", api)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            assert comments.own() == [f"{MARKER}\n### {text}\n"]
    assert [method for method, _ in comments.requests if method != "GET"] == ["POST", "PUT"]


def test_no_note_without_a_merge_request_a_token_or_a_check(tmp_path):
    comments = Comments(42)
    with serving(GitLab, comments) as api:
        assert gitlab(tmp_path, "after_script", api).stdout.startswith("No note: ")  # there is no check.md
        (tmp_path / "check.md").write_text("text")
        for missing in ("CI_MERGE_REQUEST_IID", "NOTE_TOKEN"):
            assert gitlab(tmp_path, "after_script", api, **{missing: ""}).stdout.startswith("No note: ")
        assert comments.requests == []
        comments.is_refusing = True
        assert "The note was not written" in gitlab(tmp_path, "after_script", api).stdout


@pytest.mark.slow
@pytest.mark.parametrize("of", ["action", "gitlab"])
def test_their_installation_works(tmp_path, of):
    """In an environment of its own, from this source."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    path = f"{tmp_path / 'env/bin'}{os.pathsep}{os.environ['PATH']}"
    if of == "action":
        job = Job(tmp_path)
        env = {k: job.value(v) for k, v in STEPS["Install"]["env"].items()}
        script = STEPS["Install"]["run"]
    else:
        env = {"BENCH_FREEZE": f"file://{ROOT}"}
        script = next(line for line in PIPELINE["check"]["script"] if line.startswith("pip "))
    (tmp_path / "step.sh").write_text(script)
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(tmp_path / "step.sh")]
    # Speed is for others to test: without the minutes of nvcc, where there is one, and of the optimizer.
    quick = {"SKBUILD_CMAKE_DEFINE": "BENCH_FREEZE_CUDA=OFF", "SKBUILD_CMAKE_BUILD_TYPE": "Debug"}
    subprocess.run(command, env={**os.environ, "PATH": path, **quick, **env}, check=True, cwd=tmp_path)
    subprocess.run([tmp_path / "env/bin/bench-freeze", "check", "--help"], check=True, capture_output=True)
