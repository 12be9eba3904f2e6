"""Read the examples of some results, and check that they belong to them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ..errors import InputError
from ..results.examples import EXAMPLES, EXAMPLES_VERSION, Examples, decode_examples
from ..results.schema import Original, Results, Row
from ..results.sealing import check_seal
from ..user_files import MissingFile, read_file


def deployed_of(results: Results) -> list[str]:
    """For every original and row, the hashes of its weights and of the file that ran, which identify examples."""
    records: list[Original | Row] = [*results.originals, *results.rows]
    hashes = [record.artifact for record in records]
    return [f"{h.weights_sha256} {h.plan_sha256 or h.onnx_sha256}" for h in hashes]


def read_examples(results_file: Path, results: Results) -> tuple[Examples | None, str]:
    """The examples of some results, or None and a sentence that says why there are none."""
    file = results_file.with_name(EXAMPLES)
    try:
        content = read_file(file, "file", "the run writes it")
        check_seal(content, Examples, file.name)
        examples = decode_examples(content)
    except MissingFile:
        return None, f"There is no {EXAMPLES} beside {results_file.name}; the run that made it left one in its folder."
    except InputError as error:
        return None, str(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return None, f"{file.name} cannot be read ({error})."
    if examples.schema_version != EXAMPLES_VERSION:
        return None, f"{file.name} has version {examples.schema_version}, this bench-freeze reads {EXAMPLES_VERSION}."
    if not are_of(examples, results):
        return None, f"{file.name} comes from a different run than {results_file.name}."
    return examples, ""


def are_of(examples: Examples, results: Results) -> bool:
    """Whether these examples show the models and data of these results."""
    own = {role: facts.sha256 for role, facts in results.data.items()}
    same_data = all(own.get(role) == sha256 for role, sha256 in examples.data_sha256.items())
    return same_data and examples.deployed == deployed_of(results)
