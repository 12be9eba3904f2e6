"""The columns of the table: their headings and the meaning of their numbers."""

from __future__ import annotations

from .view import Column, Format

# Columns that name a row. Those in ALWAYS are in every table, the others where rows differ in them.
ALWAYS = ("freeze", "construction")
NAMES = (
    Column("source", "source", "text", "The results file that the row was read from."),
    Column("construction", "construction", "text", "How the deployed model was made from the two checkpoints."),
    Column("freeze", "freeze", "text", "Layers 0 to N-1 were not trained; '-' for the original model."),
    Column("seed", "seed", "text", "Seed of the training."),
    Column("recipe", "recipe", "text", "How the layers were trained; static: frozen throughout."),
    Column("data_fraction", "data", "text", "Share of the training images that the training saw."),
    Column("weights", "weights", "text", "The checkpoint that the training started from, if a study compares several."),
    Column("engine", "engine", "text", "What ran the model: torch, ONNX Runtime (ort) or TensorRT (trt)."),
    Column("precision", "precision", "text", "Number format of the deployed file's weights and activations."),
    Column("imgsz", "pixels", "text", "Side of the square image that the engine is given."),
    Column("batch", "batch", "text", "Images in one call of the engine; latencies are those of the whole call."),
    Column("device", "device", "text", "Where the engine ran."),
)

NUMBERS = (
    Column("target_map50", "target mAP50", "fraction", "Target head alone on the target set, IoU 0.50.", "higher"),
    Column(
        "target_map",
        "target mAP",
        "fraction",
        "Target head alone, mean over IoU 0.50 to 0.95 in steps of 0.05.",
        "higher",
    ),
    Column(
        "target_test",
        "test mAP",
        "fraction",
        "Target head on the test split, which played no part in any choice.",
        "higher",
    ),
    Column("base_map", "base mAP", "fraction", "Base head alone on the base set, IoU 0.50 to 0.95.", "higher"),
    Column("change", "base change", "change", "Base mAP minus the original's, through the same engine.", "higher"),
    Column("merged_base", "merged base", "fraction", "Base mAP with both heads under one detection limit.", "higher"),
    Column("ratio", "x original", "ratio", "Median latency of the engine divided by the original model's.", "lower"),
    Column("model_p50", "model p50", "milliseconds", "Median latency of the engine on a loaded batch.", "lower"),
    Column("model_p99", "model p99", "milliseconds", "99 % of the engine's calls were at least as fast.", "lower"),
    Column("pipeline_p50", "pipeline p50", "milliseconds", "Median time from image files to detections.", "lower"),
    Column(
        "pipeline_p99", "pipeline p99", "milliseconds", "99 % of the pipeline's calls were at least as fast.", "lower"
    ),
    Column("throughput", "throughput", "rate", "Images per second, back to back, at the best batch size.", "higher"),
    Column("energy", "energy", "joules", "Energy of one call of the engine, idle power included.", "lower"),
    Column("size", "size", "megabytes", "Bytes of the deployed files.", "lower"),
)

VERDICT = Column("verdict", "verdict", "text", "Whether the latencies can be relied on; the reasons stand next to it.")

# Suffixes for the units in which numbers are stored, as the project names them.
UNIT_SUFFIX: dict[Format, str] = {
    "milliseconds": "_s",
    "joules": "_j",
    "megabytes": "_bytes",
    "rate": "_images_per_s",
    "ratio": "_to_original",
}
