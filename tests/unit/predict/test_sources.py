"""SOURCE as it is typed: images, folders, globs; what is none of these is a sentence before a model is loaded."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench_freeze.errors import InputError
from bench_freeze.predict.sources import named, open_source


def picture(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 10, 3), value, np.uint8)).save(path, "png")
    return path


def frames(text):
    return list(open_source(str(text)).frames())


def test_one_image_whatever_it_is_called(tmp_path):
    found = frames(picture(tmp_path / "image.data", 9))
    assert [(frame.number, frame.name) for frame in found] == [(1, "image")]
    assert found[0].image.shape == (8, 10, 3)
    assert found[0].image.max() == 9


def test_a_folder_has_its_own_images_in_order(tmp_path):
    for k in range(40):
        picture(tmp_path / f"{k:03}.png", k)
    picture(tmp_path / "below/x.png")
    (tmp_path / "notes.txt").write_text("")
    found = frames(tmp_path)
    assert [frame.image.max() for frame in found] == list(range(40))
    assert [frame.number for frame in found] == list(range(1, 41))


def test_a_glob_goes_as_deep_as_it_says(tmp_path, monkeypatch):
    picture(tmp_path / "a/1.png")
    picture(tmp_path / "b/c/2.png")
    (tmp_path / "b/notes.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    assert [frame.name for frame in frames("**/*")] == ["a/1", "b/c/2"]
    assert [frame.name for frame in frames("?/*.png")] == ["1"]


def test_a_file_is_itself_where_its_name_looks_like_a_glob_or_a_camera(tmp_path, monkeypatch):
    picture(tmp_path / "a[1].png", 3)
    picture(tmp_path / "0", 4)
    monkeypatch.chdir(tmp_path)
    assert frames("a[1].png")[0].image.max() == 3
    assert frames("0")[0].image.max() == 4


def test_an_image_that_cannot_be_read_is_a_frame_with_a_reason(tmp_path):
    picture(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"no image")
    picture(tmp_path / "3.png")
    found = frames(tmp_path)
    assert [frame.image is None for frame in found] == [False, True, False]
    assert str(tmp_path / "2.png") in found[1].problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothere.png", "no such file or folder"),
        ("nothere", "no such file or folder"),
        ("*.png", "matches no file"),
        ("*.txt", "none is an image"),
        ("empty", "contains no image"),
        ("notes.txt", "cannot be read as an image or a video"),
        ("zero.mp4", "cannot be read as an image or a video"),
        ("9999", "camera 9999 was not found"),
        ("99999999999999999999", "was not found"),
        ("9" * 5000, "no such file"),
        ("", "no image|no such"),
        ("a\0b", "no such file"),
        ("x" * 5000, "no such file"),
    ],
)
def test_what_is_none_of_these_is_a_sentence(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "zero.mp4").write_bytes(bytes(5000))
    with pytest.raises(InputError, match=words) as error:
        open_source(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/1.jpg", "a/2.jpg"], ["1", "2"]),
        (["a/1.jpg", "b/1.jpg"], ["a/1", "b/1"]),
        (["a/1.jpg", "a/1.png", "a/2.png"], ["1_jpg", "1_png", "2"]),
        (["a/1.jpg", "a/1.PNG"], ["1_jpg", "1_PNG"]),
        (["a/x.tar.png"], ["x.tar"]),
        (["a/1.jpg", "a/1.png", "a/1_jpg.png"], ["1_jpg", "1_png", "1_jpg_2"]),
        (["a/1.jpg", "b/../../c/1.jpg"], None),  # inside, whatever the names say
    ],
)
def test_names_of_results_are_unique(paths, names):
    found = [file.name for file in named([Path(path) for path in paths])]
    assert len({name.casefold() for name in found}) == len(paths)
    assert not any(".." in Path(name).parts or Path(name).is_absolute() for name in found)
    assert names is None or found == names
