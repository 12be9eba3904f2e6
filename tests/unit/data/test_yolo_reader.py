"""The reader of Ultralytics data sets: real files on disk, every unusual row."""

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.image_folders import images_in
from bench_freeze.data.yolo import read_yolo
from bench_freeze.errors import InputError


@pytest.fixture
def data(tmp_path):
    """A data set of two images, 100 x 50 pixels; `labels[i]` writes the rows of image i."""
    for kind in ("images", "labels"):
        (tmp_path / kind / "val").mkdir(parents=True)
    yaml = tmp_path / "set.yaml"
    yaml.write_text("train: images/val\nval: images/val\nnames: [cat, dog]\n")
    for i in range(2):
        Image.new("RGB", (100, 50), (i * 40, 90, 10)).save(tmp_path / "images/val" / f"{i}.jpg")

    class Data:
        folder, path = tmp_path, yaml

        def label(self, i, text):
            (tmp_path / "labels/val" / f"{i}.txt").write_text(text)

        def read(self):
            return read_yolo(yaml, "val")

    return Data()


def test_boxes_become_pixels(data):
    data.label(0, "1 0.5 0.5 0.2 0.4\n")
    found = data.read()
    np.testing.assert_allclose(found.ground_truth.boxes_xywh, [[40, 15, 20, 20]])
    assert found.ground_truth.labels.tolist() == [1]
    assert found.ground_truth.area.tolist() == pytest.approx([400.0])
    assert found.counts["background_images"] == 1


def test_a_file_may_mix_boxes_and_polygons(data):
    data.label(0, "0 0.5 0.5 0.2 0.4\n1 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.4\n")
    found = data.read()
    assert len(found.ground_truth) == 2
    np.testing.assert_allclose(found.ground_truth.boxes_xywh[1], [10, 10, 20, 20])
    assert found.counts["polygon_rows"] == 1
    assert any("polygon" in note for note in found.notes)


def test_an_empty_label_file_is_background(data):
    data.label(0, "")
    data.label(1, "\n\n")
    assert data.read().counts["background_images"] == 2


def test_boxes_over_the_border_are_clipped_and_counted(data):
    data.label(0, "0 0.95 0.5 0.2 0.2\n")
    found = data.read()
    np.testing.assert_allclose(found.ground_truth.boxes_xywh, [[85, 20, 15, 10]])
    assert found.counts["clipped_boxes"] == 1


def test_boxes_without_area_are_left_out_and_counted(data):
    data.label(0, "0 0.5 0.5 0 0.2\n0 1.4 0.5 0.2 0.2\n")
    found = data.read()
    assert len(found.ground_truth) == 0
    assert found.counts["boxes_without_area"] == 2


def test_a_repeated_row_counts_once(data):
    data.label(0, "0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2\n")
    found = data.read()
    assert len(found.ground_truth) == 1
    assert found.counts["repeated_rows"] == 1


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("0 0.5 0.5 0.2", "row 2 has 4 fields"),
        ("0 0.5 0.5 0.2 0.2 0.1", "row 2 has 6 fields"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "row 2 has 8 fields"),
        ("cat 0.5 0.5 0.2 0.2", "row 2: 'cat"),
        ("2 0.5 0.5 0.2 0.2", "row 2: class 2 is not one of 0 to 1"),
        ("-1 0.5 0.5 0.2 0.2", "class -1"),
        ("0.5 0.5 0.5 0.2 0.2", "class 0.5"),
        ("0 0.5 nan 0.2 0.2", "not finite"),
        ("0 0.5 0.5 -0.2 0.2", "negative"),
    ],
)
def test_a_bad_row_is_named(data, row, sentence):
    data.label(1, "0 0.5 0.5 0.2 0.2\n" + row + "\n")
    with pytest.raises(InputError, match=sentence) as error:
        data.read()
    assert "1.txt" in str(error.value)


def test_a_truncated_image_is_named(data):
    file = data.folder / "images/val/1.jpg"
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(InputError, match="1.jpg cannot be read as an image"):
        data.read()


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "empty"), (b"<!DOCTYPE html><title>404</title>", "not_an_image"), (b"hello", "not_an_image")],
)
def test_a_file_that_only_has_an_images_name_is_passed_over_and_counted(data, content, kind):
    (data.folder / "images/val/0.jpg").write_bytes(content)
    data.label(1, "0 0.5 0.5 0.2 0.4\n")
    found = data.read()
    assert [image.path.name for image in found.images] == ["1.jpg"]
    assert len(found.ground_truth) == 1
    assert found.counts[kind] == 1
    assert any("0.jpg" in note and "passed over" in note for note in found.notes)


def test_a_set_without_any_readable_image_says_why(data):
    for i in range(2):
        (data.folder / f"images/val/{i}.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="none of its files can be read as an image .*0.jpg"):
        data.read()


def test_hidden_files_are_passed_over_and_counted(data):
    source = data.folder / "images/val/0.jpg"
    for name in (".ipynb_checkpoints/0-checkpoint.jpg", "._0.jpg", ".trash/deep/x.png", ".hidden"):
        place = data.folder / "images/val" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(source.read_bytes())
    found = data.read()
    assert len(found.images) == 2
    assert found.counts["hidden_images"] == 3


def test_linked_folders_are_followed_and_a_circle_ends(data, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    Image.new("RGB", (20, 20)).save(store / "far.jpg")
    (data.folder / "images/val/linked").symlink_to(store)
    (store / "back").symlink_to(data.folder / "images/val")
    assert sorted(image.path.name for image in data.read().images) == ["0.jpg", "1.jpg", "far.jpg"]


def test_everything_beside_the_images_is_counted(data):
    (data.folder / "images/val/readme.md").write_text("x")
    (data.folder / "images/val/clip.gif").write_bytes(b"GIF89a")
    (data.folder / "labels/val/classes.txt").write_text("cat\ndog\n")
    data.label(0, "0 0.5 0.5 0.2 0.4\n")
    found = data.read()
    assert found.counts["other_files"] == 2
    assert found.counts["lone_labels"] == 1
    assert any("classes.txt" in note for note in found.notes)
    assert found.counts["missing_label_files"] == 1


def test_examples_are_relative_to_the_data_set(data):
    data.label(0, "0 0.95 0.5 0.2 0.2\n")
    notes = "\n".join(data.read().notes)
    assert "(first: labels/val/0.txt, row 1)" in notes
    assert str(data.folder) not in notes


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_label_files_with_a_byte_order_mark(data, encoding):
    (data.folder / "labels/val/0.txt").write_bytes("0 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.1 0.1\n".encode(encoding))
    assert data.read().ground_truth.labels.tolist() == [0, 1]


def test_a_label_file_that_is_not_text_is_named(data):
    (data.folder / "labels/val/0.txt").write_bytes(b"0 0.5 0.5 0.2 \xff\xfe\n")
    with pytest.raises(InputError, match="0.txt cannot be read"):
        data.read()


@pytest.mark.parametrize("shape", [(1, 2), (2, 2), (4, 2), (5, 3), (17, 2), (17, 3)])
def test_a_pose_row_stands_for_its_box(data, shape):
    rng = np.random.default_rng(0)
    data.path.write_text(f"val: images/val\nnames: [cat, dog]\nkpt_shape: {list(shape)}\n")
    points = " ".join(f"{value:.4f}" for value in rng.random(shape[0] * shape[1]) * 2)
    data.label(0, f"0 0.5 0.5 0.4 0.4 {points}\n1 0.25 0.5 0.1 0.2\n")
    found = data.read()
    np.testing.assert_allclose(found.ground_truth.boxes_xywh, [[30, 15, 40, 20], [20, 20, 10, 10]])
    assert found.counts["pose_rows"] == 1


def test_a_pose_row_that_does_not_fit_kpt_shape_is_refused(data):
    data.path.write_text("val: images/val\nnames: [cat, dog]\nkpt_shape: [17, 3]\n")
    data.label(0, "0 " + " ".join(["0.5"] * 38) + "\n")
    with pytest.raises(InputError, match="row 1 has 39 fields; by the yaml's kpt_shape a row has 56"):
        data.read()


def test_poses_without_kpt_shape_are_not_read_as_polygons(data):
    rows = []
    for k in range(5):
        cx, cy = 0.3 + 0.08 * k, 0.5
        rows.append(f"0 {cx} {cy} 0.3 0.4 {cx - 0.1} {cy + 0.1} {cx + 0.14} {cy - 0.19}")
    data.label(0, "\n".join(rows))
    with pytest.raises(InputError, match=r"add 'kpt_shape: \[2, 2\]'"):
        data.read()


def test_polygons_are_not_taken_for_poses(data):
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(40):
        cx, cy = rng.uniform(0.3, 0.7, 2)
        angle = np.sort(rng.uniform(0, 2 * np.pi, 6))
        points = np.stack([cx + 0.2 * np.cos(angle), cy + 0.2 * np.sin(angle)], axis=1)
        rows.append("0 " + " ".join(f"{v:.5f}" for v in points.ravel()))
    data.label(0, "\n".join(rows))
    assert data.read().counts["polygon_rows"] == 40


@pytest.mark.parametrize(
    "row",
    ["0 0.5 0.5 40 20", "0 320 240 40 20", "0 0.5 0.5 0.2 7", "0 12 20 30 40 50 60", "0 -5 0.5 0.2 0.2", "0 1e9 0 0 0"],
)
def test_rows_in_pixels_are_refused(data, row):
    data.label(0, f"0 0.5 0.5 0.2 0.2\n{row}\n")
    with pytest.raises(InputError, match=r"0\.txt, row 2: a coordinate is .*, far above 1"):
        data.read()


def test_corners_in_place_of_centre_and_size_are_refused(data):
    rng = np.random.default_rng(2)
    low = rng.uniform(0.0, 0.6, (20, 2))
    data.label(0, "\n".join(f"0 {x:.4f} {y:.4f} {x + 0.3:.4f} {y + 0.35:.4f}" for x, y in low))
    with pytest.raises(InputError, match="look like corners"):
        data.read()


def test_distinct_polygons_with_one_box_both_count(data):
    """Ultralytics keeps both; only a repeated row is dropped."""
    data.label(0, "0 0.1 0.1 0.5 0.1 0.5 0.5\n0 0.1 0.1 0.1 0.5 0.5 0.5\n0 0.1 0.1 0.1 0.5 0.5 0.5\n")
    found = data.read()
    assert len(found.ground_truth) == 2
    assert found.counts["repeated_rows"] == 1


def test_labels_beside_a_link_to_the_images_are_found_and_noted(tmp_path):
    store = tmp_path / "photos"
    store.mkdir()
    Image.new("RGB", (100, 50)).save(store / "0.jpg")
    for kind in ("images", "labels/val"):
        (tmp_path / kind).mkdir(parents=True)
    (tmp_path / "images/val").symlink_to(store)
    (tmp_path / "labels/val/0.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "set.yaml").write_text("val: images/val\nnames: [cat]\n")
    found = read_yolo(tmp_path / "set.yaml", "val")
    assert len(found.ground_truth) == 1
    assert found.counts["labels_beside_link"] == 1


def test_images_that_a_list_names_twice_count_twice_as_in_ultralytics(data):
    (data.folder / "list.txt").write_text("images/val/0.jpg\nimages/val/1.jpg\nimages/val/0.jpg\n# a comment\n")
    data.path.write_text("val: list.txt\nnames: [cat, dog]\n")
    found = data.read()
    assert len(found.images) == 3
    assert found.counts["named_twice"] == 1
    assert found.counts["other_lines"] == 1


def test_a_listed_image_that_is_missing_is_named(data):
    (data.folder / "list.txt").write_text("images/val/0.jpg\nimages/val/gone.jpg\n")
    data.path.write_text("val: list.txt\nnames: [cat, dog]\n")
    with pytest.raises(InputError, match="gone.jpg"):
        data.read()


@pytest.mark.parametrize(
    ("yaml", "sentence"),
    [
        ("val: images/val\n", "has no key 'names'"),
        ("names: [a]\n", "no key 'val'"),
        ("names: [a]\nval: images/none\n", "does not exist"),
        ("names: {1: a}\nval: images/val\n", "class number 0 has no name"),
        ("names: {0: a, 2: b}\nval: images/val\n", "class number 1 has no name"),
        ("names: {0: a, '0': b}\nval: images/val\n", "class number 0 is given twice"),
        ("names: {a: 0, b: 1}\nval: images/val\n", "'a' is not a class number"),
        ("names: [[a, b]]\nval: images/val\n", "class 0 is not a text"),
        ("names: [a, b]\nnc: 3\nval: images/val\n", "nc is 3 but 'names' has 2"),
        ("names: [a]\nnc: many\nval: images/val\n", "nc: many"),
        ("names: [a]\nval: [1, 2]\n", "'val' is not a path"),
        ("names: [a]\nval: {x: y}\n", "'val' is not a path"),
        ("names: [a]\nval: images/val/0.jpg\n", "is an image; name its folder"),
        ("names: [a]\nkpt_shape: [17]\nval: images/val\n", "kpt_shape"),
        ("names: [a]\npath: [x]\nval: images/val\n", "'path' is not a text"),
        ("- a\n- b\n", "has no keys"),
        ("", "has no keys"),
        ("names: [a\n", "cannot be read as yaml"),
        ("names: [a]\npath: nowhere\nval: images/val\n", "path: nowhere"),
    ],
)
def test_a_bad_yaml_is_named(data, yaml, sentence):
    data.path.write_text(yaml)
    with pytest.raises(InputError, match=sentence):
        data.read()


def test_exif_orientation_is_applied(data):
    image = Image.new("RGB", (100, 50))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(data.folder / "images/val/0.jpg", exif=exif)
    data.label(0, "0 0.5 0.5 0.2 0.2\n")
    found = data.read()
    assert (found.images[0].width, found.images[0].height) == (50, 100)
    np.testing.assert_allclose(found.ground_truth.boxes_xywh, [[20, 40, 10, 20]])


def test_the_hash_follows_content_not_place(data, tmp_path_factory):
    import shutil

    data.label(0, "0 0.5 0.5 0.2 0.2\n")
    before = data.read().sha256
    moved = tmp_path_factory.mktemp("moved") / "copy"
    shutil.copytree(data.folder, moved)
    assert read_yolo(moved / "set.yaml", "val").sha256 == before
    data.label(0, "0 0.5 0.5 0.2 0.3\n")
    assert data.read().sha256 != before


def test_nothing_is_written(data):
    data.label(0, "0 0.5 0.5 0.2 0.2\n")
    before = sorted(data.folder.rglob("*"))
    data.read()
    assert sorted(data.folder.rglob("*")) == before


def test_a_folder_that_a_flag_names_is_searched_like_a_split(data):
    place = data.folder / "images/val"
    (place / ".ipynb_checkpoints").mkdir()
    (place / ".ipynb_checkpoints/a.jpg").write_bytes(b"x")
    (place / "._a.jpg").write_bytes(b"x")
    assert [file.name for file in images_in(data.folder)] == ["0.jpg", "1.jpg"]
    assert images_in(data.folder / "nowhere") == []


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".png"])
def test_pages_and_frames_behind_the_first_are_counted(data, suffix):
    frames = [Image.new("RGB", (40, 30), (80 * k, 9, 200 - 60 * k)) for k in range(3)]
    frames[0].save(data.folder / f"images/val/many{suffix}", save_all=True, append_images=frames[1:])
    for _ in range(2):  # found, and remembered
        found = data.read()
        assert found.counts["frames_left_out"] == 2
        assert any(f"many{suffix}" in note for note in found.notes)
