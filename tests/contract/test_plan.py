"""Real plans of the real dual-head ONNX, built ahead of time by TensorRT for RTX on a machine without a GPU."""

import json
from dataclasses import replace

import pytest

from bench_freeze.artifact import ArtifactStore
from bench_freeze.engines.plan_file import Plan, misfit, read_plan, side_car_path
from bench_freeze.engines.tensorrt_family import installed
from bench_freeze.errors import InputError
from bench_freeze.export.plan import PLAN, PlanOptions, build_plan, plan_inputs, produce_plan  # type: ignore[attr-defined]
from bench_freeze.files import file_sha256

AHEAD = [found for found in installed() if found.member.ahead_of_time]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.trt_build,
    pytest.mark.skipif(
        not AHEAD,
        reason="TensorRT for RTX is not installed: pip install tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings",
    ),
]
TARGETS = ("80", "86", "89", "120")
SM86 = PlanOptions(compute_capability="86")
ANCHORS = 525  # at 160 pixels


@pytest.fixture(scope="module")
def built(export_dual, tmp_path_factory):
    """One plan for SM86: the path and what its building returned."""
    path = tmp_path_factory.mktemp("plan") / "model.plan"
    return path, build_plan(export_dual(15, 1), path, SM86)


@pytest.mark.parametrize("batch", [1, None])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_every_precision_builds_for_every_target(convert_dual, precision, batch, tmp_path):
    onnx = convert_dual(15, batch, precision)
    for target in TARGETS:
        side_car = build_plan(onnx, tmp_path / "m.plan", PlanOptions(compute_capability=target))
        assert side_car["target"] == {"capability": target}
        free = batch or -1
        assert side_car["inputs"] == [{"name": "images", "dtype": "float32", "shape": [free, 3, 160, 160]}]
        shapes = {o["name"]: (o["dtype"], o["shape"]) for o in side_car["outputs"]}
        classes = [len(head["class_names"]) for head in side_car["card"]["heads"]]
        assert list(shapes) == ["base", "target"]
        for (dtype, shape), count in zip(shapes.values(), classes, strict=True):
            assert (dtype, shape) == ("float32", [free, 4 + count, ANCHORS])
        assert side_car["card"]["precision"] == precision
        assert side_car["flags"]["batch_profile"] == (None if batch else (1, 8, 32))


@pytest.mark.parametrize("freeze", [22, 10])
def test_every_depth_builds(export_dual, freeze, tmp_path):
    assert build_plan(export_dual(freeze, 1), tmp_path / "m.plan", SM86)["card"]["graft_at"] == freeze


def test_the_side_car_says_what_the_plan_is(built, export_dual):
    path, facts = built
    kept = json.loads(side_car_path(path).read_text())
    assert kept == json.loads(json.dumps(facts))
    assert kept["plan_sha256"] == file_sha256(path)
    assert kept["plan_bytes"] == path.stat().st_size
    assert kept["onnx_sha256"] == file_sha256(export_dual(15, 1))
    assert kept["title"] == "TensorRT for RTX"
    assert kept["version"] == AHEAD[0].version
    assert kept["letterbox"]["fill"] == 114
    file = read_plan(path)
    assert file.content == path.read_bytes()
    assert [len(head.class_names) for head in file.card().heads][1] == 3


def test_a_plan_is_kept_by_what_it_depends_on(export_dual, tmp_path):
    store, onnx = ArtifactStore(tmp_path / "artifacts"), export_dual(15, 1)
    first, made = produce_plan(onnx, SM86, store)
    assert made
    assert set(first.files) == {PLAN, f"{PLAN}.json"}
    again, made = produce_plan(onnx, SM86, store)
    assert not made
    assert again.key == first.key
    other, made = produce_plan(onnx, replace(SM86, workspace_mb=64), store)
    assert made
    assert other.key != first.key
    moved = tmp_path / "moved.onnx"
    moved.write_bytes(onnx.read_bytes())
    assert not produce_plan(moved, SM86, store)[1]  # a name is no part of the key
    (first.path(PLAN)).write_bytes(b"damaged")
    repaired, made = produce_plan(onnx, SM86, store)
    assert made
    assert repaired.path(PLAN).stat().st_size > 1000


def test_several_builds_are_several_plans(export_dual, tmp_path):
    from bench_freeze.config.deployment import DeploymentOptions
    from bench_freeze.deployment.deployment import Candidate, Deployment
    from bench_freeze.deployment.plan_builds import measure_builds
    from bench_freeze.results.schema import Latencies

    store, onnx = ArtifactStore(tmp_path / "artifacts"), export_dual(15, 1)
    plans = [produce_plan(onnx, SM86, store, build) for build in range(3)]
    assert all(made for _, made in plans)
    assert len({plan.folder for plan, _ in plans}) == 3
    assert "build" not in plans[0][0].inputs  # the first is the one that a study without --builds has
    assert [plan.inputs.get("build") for plan, _ in plans[1:]] == [1, 2]
    assert not produce_plan(onnx, SM86, store, 2)[1]

    def deployment(build):
        return Deployment(
            Candidate("original", None), "trt", DeploymentOptions(engine=("trt",)), None, plans[build][0], "0"
        )

    nothing = Latencies(model=None, pipeline=None)
    found = measure_builds(deployment(0), nothing, 3, deployment, lambda built, number: nothing)
    assert [plan.plan_sha256 for plan in found.plans] == [plan.sha256(PLAN) for plan, _ in plans]
    assert all(
        plan.build_s > 0 and plan.bytes == p.files[PLAN]["bytes"]
        for plan, (p, _) in zip(found.plans, plans, strict=True)
    )
    assert found.distinct == len({plan.sha256(PLAN) for plan, _ in plans})
    assert found.plans[0].timing_cache_sha256 == {"before": None, "after": None}  # TensorRT for RTX has none
    assert measure_builds(deployment(0), nothing, 1, deployment, lambda built, number: nothing) is None


@pytest.fixture
def machine_with_sm86(monkeypatch):
    """A machine with a GPU of capability 8.6, as far as the question goes whether a plan fits."""
    from bench_freeze.engines.cuda_device import CudaDevice
    from bench_freeze.profile import source as profile_source

    monkeypatch.setattr(profile_source, "require_engine", lambda engine, device: None)
    monkeypatch.setattr(profile_source, "cuda_device", lambda device: CudaDevice("A10", "86", "13.0"))
    here = profile_source.options_here
    monkeypatch.setattr(
        profile_source, "options_here", lambda device, flags: replace(here(device, flags), compute_capability="86")
    )


def test_a_plan_that_does_not_fit_is_built_again_from_the_onnx_beside_it(
    machine_with_sm86, built, export_dual, tmp_path
):
    from bench_freeze.profile.source import locate, model_facts

    notes = []
    folder = tmp_path / "carried"
    folder.mkdir()
    plan = folder / "m.plan"
    build_plan(export_dual(15, 1), plan, PlanOptions(compute_capability="89"))
    with pytest.raises(InputError, match="capability 89, this one has 86; put the ONNX"):
        locate(plan, None, "cpu", tmp_path / "plans", notes.append)
    (folder / "other.onnx").write_bytes(b"not it")
    (folder / "network.onnx").write_bytes(export_dual(15, 1).read_bytes())
    source = locate(plan, None, "cpu", tmp_path / "plans", notes.append)
    assert (source.engine, source.device) == ("trt", "cuda:0")
    assert source.file != plan
    assert read_plan(source.file).plan.target == {"capability": "86"}
    assert "built from network.onnx" in source.why
    assert "compute capability 89, this one has 86" in notes[0]
    facts = model_facts(source, read_plan(source.file).card())
    assert facts["plan"]["onnx_sha256"] == file_sha256(export_dual(15, 1))
    assert locate(plan, None, "cpu", tmp_path / "plans", notes.append).file == source.file
    assert notes[-1] == "plan reused"
    assert locate(built[0], None, "cpu", tmp_path / "plans", notes.append).file == built[0]  # it fits
    onnx = locate(folder / "network.onnx", "trt", "cpu", tmp_path / "plans", notes.append)
    assert onnx.file == source.file  # the same plan, by its content
    assert locate(folder / "network.onnx", None, "cpu", tmp_path / "plans", notes.append).engine == "ort"


def test_the_key_covers_onnx_gpu_driver_version_and_flags():
    trt, gpu = AHEAD[0], {"name": "A10", "capability": "86", "driver": "13.0"}
    key = plan_inputs("a", trt, gpu, PlanOptions())
    others = [
        plan_inputs("b", trt, gpu, PlanOptions()),
        plan_inputs("a", replace(trt, version="9"), gpu, PlanOptions()),
        *(plan_inputs("a", trt, {**gpu, name: "x"}, PlanOptions()) for name in gpu),
        plan_inputs("a", trt, gpu, PlanOptions(batch_profile=(1, 2, 4))),
        plan_inputs("a", trt, gpu, PlanOptions(version_compatible=True)),
        plan_inputs("a", trt, gpu, PlanOptions(dla_core=0)),
    ]
    assert all(other != key for other in others)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"compute_capability": "90"}, "builds for 75, 80, 86, 89, 120"),
        ({"compute_capability": "86", "version_compatible": True}, "--version-compatible: TensorRT for RTX"),
        ({"compute_capability": "86", "hardware_compatibility": "ampere_plus"}, "--hardware-compatibility"),
        ({"compute_capability": "86", "dla_core": 0}, "--dla"),
        ({"compute_capability": "86", "batch_profile": (1, 8, 32)}, "has a fixed batch of 1"),
        ({"compute_capability": "86", "batch_profile": (8, 1, 32)}, "smallest, typical and largest"),
        ({"compute_capability": "86", "workspace_mb": 0}, "--workspace 0"),
    ],
)
def test_what_cannot_be_built_is_refused_in_a_sentence(export_dual, options, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        build_plan(export_dual(15, 1), tmp_path / "m.plan", PlanOptions(**options))
    assert not list(tmp_path.iterdir())


def test_a_node_that_tensorrt_does_not_know_is_named(export_dual, tmp_path):
    import onnx

    model = onnx.load(export_dual(15, 1))
    node = next(n for n in model.graph.node if n.op_type == "Softmax")
    node.op_type, node.domain, node.name = "Sofdmax", "made.up", "the_node"
    model.opset_import.append(onnx.helper.make_opsetid("made.up", 1))
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(InputError, match=r"node 'the_node' \(Sofdmax\)"):
        build_plan(tmp_path / "m.onnx", tmp_path / "m.plan", SM86)


def test_a_plan_that_does_not_fit_is_refused_with_the_reason(built):
    plan = read_plan(built[0]).plan
    assert isinstance(plan, Plan)
    assert misfit(plan, plan.title, plan.version, "86") is None
    assert "compute capability 86, this one has 90" in misfit(plan, plan.title, plan.version, "90")
    assert "this machine has 9.9" in misfit(plan, plan.title, "9.9", "86")
    assert "this machine runs TensorRT" in misfit(plan, "TensorRT", plan.version, "86")
    flags = {**plan.flags, "version_compatible": True, "hardware_compatibility": "ampere_plus"}
    portable = replace(plan, title="TensorRT", version="10.3.0", flags=flags)
    assert misfit(portable, "TensorRT", "10.9.0", "89") is None
    assert misfit(portable, "TensorRT lean runtime", "10.9.0", "89") is None
    assert "75" in misfit(portable, "TensorRT", "10.9.0", "75")
    assert "newer" in misfit(replace(portable, version="11.0"), "TensorRT", "10.9.0", "89")


def test_files_of_ultralytics_are_read(built, tmp_path):
    content = built[0].read_bytes()
    header = {"task": "detect", "batch": 1, "imgsz": [160, 160], "names": {"0": "a", "1": "b"}, "args": {"half": True}}
    text = json.dumps(header).encode()
    engine = tmp_path / "yolo.engine"
    engine.write_bytes(len(text).to_bytes(4, "little") + text + content)
    file = read_plan(engine)
    assert file.content == content
    card = file.card((1, 6, ANCHORS))
    assert (card.heads[0].class_names, card.heads[0].kind) == (("a", "b"), "raw")
    assert (card.imgsz, card.batch, card.precision) == (160, 1, "fp16")
    assert file.card((1, 300, 6)).heads[0].kind == "detections"
    assert file.card((-1, 6, ANCHORS)).batch is None
    text = json.dumps({**header, "task": "segment"}).encode()
    engine.write_bytes(len(text).to_bytes(4, "little") + text + content)
    with pytest.raises(InputError, match="does not name a detector"):
        read_plan(engine)


def test_a_plan_and_its_side_car_belong_together(built, tmp_path):
    lonely = tmp_path / "m.plan"
    with pytest.raises(InputError, match="cannot be read"):
        read_plan(lonely)
    lonely.write_bytes(built[0].read_bytes())
    with pytest.raises(InputError, match=r"m\.plan\.json is missing"):
        read_plan(lonely)
    side_car_path(lonely).write_text("{}")
    with pytest.raises(InputError, match="not the side-car"):
        read_plan(lonely)
    side_car_path(lonely).write_text(side_car_path(built[0]).read_text())
    assert read_plan(lonely).plan is not None
    lonely.write_bytes(lonely.read_bytes() + b"x")
    with pytest.raises(InputError, match="is not the plan"):
        read_plan(lonely)
