"""An artifact is used as it was written or not at all: any flipped bit, any length, its manifest included."""

import json

import pytest

from bench_freeze.artifact import ArtifactStore, artifact_key, read_artifact
from bench_freeze.errors import InputError

FACTS = {"samples_s": [0.0125, 0.013, 1e-05], "verdict": "VALID", "big": 12345678901234567890, "text": "größe"}
INPUTS = {"model": "a" * 64, "batch": 1}


def write(folder):
    (folder / "weights.bin").write_bytes(bytes(range(64)))
    return FACTS


def only_facts(folder):
    return FACTS


@pytest.fixture
def store(tmp_path):
    said = []
    store = ArtifactStore(tmp_path / "artifacts", said.append)
    store.said = said  # type: ignore[attr-defined]
    return store


@pytest.mark.parametrize("name", ["manifest.json", "weights.bin"])
def test_no_flipped_bit_is_served(store, name):
    """Every single one. Where the content is the same (a space that became a tab), so is the artifact."""
    artifact, _ = store.produce("step", INPUTS, write)
    content = artifact.path(name).read_bytes()
    noticed = 0
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        artifact.path(name).write_bytes(flipped)
        found = read_artifact(artifact.folder)
        assert found is None or found == artifact, f"bit {bit} of {name}"
        noticed += found is None
    assert noticed > 8 * len(content) * (0.99 if name == "weights.bin" else 0.9)


@pytest.mark.parametrize("name", ["manifest.json", "weights.bin"])
def test_no_other_length_is_served(store, name):
    artifact, _ = store.produce("step", INPUTS, write)
    content = artifact.path(name).read_bytes()
    for length in range(len(content)):
        artifact.path(name).write_bytes(content[:length])
        assert read_artifact(artifact.folder) is None


def test_a_number_that_was_changed_is_made_again_and_said(store):
    """The samples of a latency divided by 10, by whoever can write json."""
    artifact, _ = store.produce("latency", INPUTS, only_facts)
    manifest = json.loads(artifact.path("manifest.json").read_bytes())
    manifest["facts"]["samples_s"] = [sample / 10 for sample in manifest["facts"]["samples_s"]]
    artifact.path("manifest.json").write_text(json.dumps(manifest))
    again, made = store.produce("latency", INPUTS, only_facts)
    assert made
    assert again.facts == FACTS
    (sentence,) = store.said
    assert "manifest.json is not what was written" in sentence
    assert (store.folder / f"damaged-{artifact.folder.name}" / "manifest.json").read_text() == json.dumps(manifest)


def test_inputs_that_do_not_make_the_key_are_damage(store):
    artifact, _ = store.produce("step", INPUTS, write)
    manifest = without_seal(artifact)
    manifest["inputs"]["batch"] = 2
    artifact.path("manifest.json").write_text(json.dumps(manifest))
    assert read_artifact(artifact.folder) is None


def without_seal(artifact):
    """As the first version wrote it: no digest, and the version where the key's own number is now."""
    manifest = json.loads(artifact.path("manifest.json").read_bytes())
    del manifest["sha256"]
    manifest["bench_freeze"] = manifest.pop("keys")
    artifact.path("manifest.json").write_text(json.dumps(manifest))
    return manifest


def test_what_an_earlier_version_made_is_kept_where_hashes_prove_it_and_said_once(store):
    with_files, _ = store.produce("tuned", INPUTS, write)
    facts_alone, _ = store.produce("latency", INPUTS, only_facts)
    without_seal(with_files), without_seal(facts_alone)
    later = ArtifactStore(store.folder, store.said.append)
    assert later.find("latency", INPUTS) is None, "nothing proves its numbers"
    kept, made = later.produce("tuned", INPUTS, write)
    assert not made
    assert kept.facts == FACTS
    assert later.produce("latency", INPUTS, only_facts)[1]
    assert len(store.said) == 1
    assert "earlier bench-freeze" in store.said[0]
    assert not list(store.folder.glob("damaged-*"))
    assert all(read_artifact(folder).is_sealed for folder in store.folder.iterdir())
    assert ArtifactStore(store.folder, store.said.append).find("latency", INPUTS) is not None
    assert len(store.said) == 1


def test_damage_replaces_what_was_put_aside_before(store):
    for content in (b"first", b"second"):
        artifact, _ = store.produce("step", INPUTS, write)
        artifact.path("weights.bin").write_bytes(content)
        assert store.find("step", INPUTS) is None
    assert [p.name for p in store.folder.iterdir()] == [f"damaged-{artifact.folder.name}"]
    assert (store.folder / f"damaged-{artifact.folder.name}" / "weights.bin").read_bytes() == b"second"


def test_a_file_that_changes_while_it_is_in_use_is_refused(store):
    artifact, _ = store.produce("step", INPUTS, write)
    assert artifact.read("weights.bin") == bytes(range(64))
    artifact.path("weights.bin").write_bytes(bytes(range(1, 65)))
    with pytest.raises(InputError, match="changed while it was in use"):
        artifact.read("weights.bin")


def test_the_store_knows_what_was_used(store):
    store.produce("step", {"a": 1}, write)
    later = ArtifactStore(store.folder)
    later.produce("step", {"a": 2}, write)
    assert later.used == {f"step-{artifact_key('step', {'a': 2})[:12]}"}
    later.find("step", {"a": 3})
    later.find("step", {"a": 1})
    assert len(later.used) == 2
