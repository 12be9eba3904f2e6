"""What bench/whole_run.py counts: the parts of a log, subsets of a set, ratios with and without parts."""

import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import yaml
from bench import whole_run, whole_run_plain

from bench_freeze.console import Console


def test_parts_are_those_of_the_steps(capsys):
    console = Console(plain=True)
    console.expect(4)
    for title in ("read weights", "time original", "time original and 3 more in rounds", "run a on base set"):
        with console.step(title):
            pass
    console.note("warning: took 3.0 s longer")
    parts = whole_run.parts_of(capsys.readouterr().err.replace(" 0.0 s", " 1.5 s"))
    assert parts == {"read": 1.5, "time": 1.5, "time in rounds": 1.5, "run": 1.5}


def write_set(folder: Path, images: int) -> Path:
    for split in ("train", "val"):
        for kind, ending in (("images", "jpg"), ("labels", "txt")):
            (folder / kind / split).mkdir(parents=True)
            for number in range(images):
                (folder / kind / split / f"{number:03d}.{ending}").write_text(f"{kind} {number}")
    (folder / "labels" / "val" / "000.txt").unlink()  # an image without objects
    data = folder / "set.yaml"
    data.write_text(yaml.safe_dump({"train": "images/train", "val": "images/val", "names": {0: "pear"}}))
    return data


@pytest.mark.parametrize("images", [1, 7, 10, 29])
@pytest.mark.parametrize("most", [None, 1, 3, 7, 100])
def test_a_copy_has_so_many_images_with_their_own_labels(tmp_path, images, most):
    copied = whole_run.copy_set(write_set(tmp_path / "set", images), tmp_path / "copy", most)
    assert yaml.safe_load(copied.read_text())["names"] == {0: "pear"}
    for split in ("train", "val"):
        names = [path.stem for path in sorted((copied.parent / "images" / split).iterdir())]
        assert len(names) == min(images, most or images)
        assert names[0] == "000"
        for path in (copied.parent / "labels" / split).iterdir():
            assert path.read_text() == f"labels {int(path.stem)}"
            assert path.stem in names
    assert not (copied.parent / "labels" / "val" / "000.txt").exists()


def side(wall_s, **parts):
    return {
        "wall_s": wall_s, "processor_s": 2 * wall_s, "user_s": wall_s, "system_s": wall_s, "peak_mib": 1.0,
        "load_average_before": 0.5, "parts_s": parts, "target_map": {22: 0.5},
    }  # fmt: skip


def test_ratios_are_of_rounds_and_parts_come_off_the_plain_side():
    own = [side(10.0), side(20.0), side(10.0)]
    rounds = {
        whole_run.OURS: own,
        whole_run.PLAIN: [side(20.0, **{"validate inside train": 5.0, "tuned on base set": 1.0}), side(30.0), side(40)],
    }
    found = whole_run.summary(rounds)
    assert (found["wall"]["median"], found["wall"]["least"], found["wall"]["greatest"]) == (2.0, 1.5, 4.0)
    assert found["wall, without validations inside train"]["rounds"] == [1.5, 1.5, 4.0]
    assert found["wall, without both"]["rounds"] == [1.4, 1.5, 4.0]
    own[1]["load_average_before"] = 3.5
    settings = {"freeze": "22,15", "epochs": 2, "imgsz": 64, "batch": 8, "optimizer": "SGD"}
    content = {"rounds": rounds, "ratios": found, "settings": settings, "cores": 2}
    text = whole_run.markdown({**content, "only_ours": ("a",), "only_plain": ("b",)})
    assert "freeze 22,15, 2 epochs, 64 pixels, batch 8, SGD: 3 pair(s) on 2 cores" in text
    assert "load average 0.5 to 3.5 before a side began" in text
    assert "| wall | 2.00 | 1.50 | 4.00 |" in text
    assert "| validate inside train | 0.0 |" in text


def test_a_process_is_charged_with_its_children(tmp_path):
    burn = "import time\nbegan = time.process_time()\nwhile time.process_time() - began < 0.2: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}], check=True); print('done')"
    found = whole_run.process([sys.executable, "-c", parent], tmp_path)
    assert found["processor_s"] >= 0.2
    assert (tmp_path / "out.txt").read_text() == "done\n"
    with pytest.raises(SystemExit, match="ended with 3"):
        whole_run.process([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"], tmp_path)


def test_both_sides_know_the_flags_that_they_are_given():
    asked = Namespace(data=Path("data"), freeze="22,10", imgsz=64, optimizer="AdamW", lr0=0.001, seed=0)
    flags = whole_run.shared(asked, Path("sets"), epochs=2)
    help_text = subprocess.run(
        [sys.executable, whole_run_plain.__file__, "--help"], capture_output=True, text=True, check=True
    ).stdout
    from bench_freeze.cli import parsed_line

    parsed_line(["run", *flags])
    assert all(flag in help_text for flag in flags[::2])
