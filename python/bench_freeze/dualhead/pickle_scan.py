"""Identifies a file and the names that its pickle would import. Only bytes are read; nothing is executed."""

from __future__ import annotations

import io
import pickletools
import struct
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from zlib import crc32
from zlib import error as zlib_error

from ..errors import InputError

_STRINGS = frozenset(
    {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"}
)
_LEGACY_PICKLES = 4  # in files from before torch 1.6: magic number, protocol, machine, object
_UNKNOWN = "?"
_WHOLE = "give the .pt file that training wrote (best.pt or last.pt)"
_BY_START = (  # first bytes of the content, and what the file is
    (b"version https://git-lfs", "a Git LFS pointer, not the file that it stands for; fetch it with git lfs pull"),
    (b"\x89HDF", f"an HDF5 file (Keras); {_WHOLE}"),
    (b"\x1f\x8b", "a gzip archive; unpack it and give the .pt file inside"),
    (b"<", "a web page or XML, perhaps from a download that failed; fetch the file again"),
    (b"ftrt", f"a TensorRT engine, which has no layers to train; {_WHOLE}"),
)
_BY_SUFFIX = {
    ".onnx": f"an ONNX model, which has no layers to train; {_WHOLE}",
    ".engine": f"a TensorRT engine, which has no layers to train; {_WHOLE}",
    ".plan": f"a TensorRT plan, which has no layers to train; {_WHOLE}",
    ".safetensors": f"a safetensors file: tensors without the model that they belong to; {_WHOLE}",
    ".tflite": f"a TensorFlow Lite model, which has no layers to train; {_WHOLE}",
    ".torchscript": f"a TorchScript program, which has no layers to train; {_WHOLE}",
    ".yaml": f"a description without weights; {_WHOLE}",
}


def pickle_of(content: bytes, where: str, suffix: str = "") -> bytes:
    """Return the pickle in a file that torch wrote; a file from before torch 1.6 is returned whole.

    `where` names the file in messages; `suffix` is its file name's extension. For any other kind of file, raises
    InputError that says what it is.
    """
    if not content:
        raise InputError(f"{where} is empty; fetch or copy it again.")
    if content[:4] == b"PK\x03\x04":
        return _from_archive(content, where)
    if content[:1] == b"\x80" or (suffix in ("", ".pt", ".pth", ".pkl") and _disassembles(content)):
        return content
    for start, what in _BY_START:
        if content.startswith(start):
            raise InputError(f"{where} is {what}.")
    if content[4:8] == b"TFL3":
        raise InputError(f"{where} is {_BY_SUFFIX['.tflite']}.")
    if content[8:9] == b"{" and int.from_bytes(content[:8], "little") < len(content):
        raise InputError(f"{where} is {_BY_SUFFIX['.safetensors']}.")
    if content[4:5] == b"{" and int.from_bytes(content[:4], "little") < len(content):
        raise InputError(f"{where} is {_BY_SUFFIX['.engine']}.")  # Ultralytics writes metadata before it
    if content[:1] == b"\x08" and suffix not in _BY_SUFFIX:
        raise InputError(f"{where} is {_BY_SUFFIX['.onnx']}.")
    if suffix in _BY_SUFFIX:
        raise InputError(f"{where} is {_BY_SUFFIX[suffix]}.")
    raise InputError(f"{where} is not an Ultralytics checkpoint; give a detection model's .pt file.")


def _from_archive(content: bytes, where: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            records = archive.infolist()
            names = [record.filename for record in records]
            if any(name.endswith("/constants.pkl") for name in names):
                raise InputError(f"{where} is {_BY_SUFFIX['.torchscript']}.")
            pickles = [r for r in records if r.filename.count("/") < 2 and r.filename.rpartition("/")[2] == "data.pkl"]
            if len(pickles) != 1:
                inside = [name for name in names if name.endswith(".pt")]
                hint = f"unpack it and give {inside[0]}" if inside else "give a detection model's .pt file"
                raise InputError(f"{where} is a zip archive, not an Ultralytics checkpoint; {hint}.")
            # An empty record always has the checksum 0, so it proves nothing.
            stored = [r for r in records if r.compress_type == zipfile.ZIP_STORED and r.file_size]
            damaged = [record.filename for record in stored if crc32(_stored(content, record)) != record.CRC]
            # torch can be configured to write no checksums: then none of them matches.
            if damaged and len(damaged) < len(stored):
                raise InputError(
                    f"{where} is damaged: {damaged[0]} in it does not have its checksum; fetch or copy it again."
                )
            return bytes(_stored(content, pickles[0])) if pickles[0] in stored else archive.read(pickles[0])
    except (
        zipfile.BadZipFile,
        RuntimeError,
        NotImplementedError,
        EOFError,
        OSError,
        ValueError,
        struct.error,
        zlib_error,
    ) as error:
        raise InputError(f"{where} is damaged ({error}); fetch or copy it again.") from None


def _stored(content: bytes, record: zipfile.ZipInfo) -> memoryview:
    """The bytes of an uncompressed record, without its header."""
    name, extra = struct.unpack_from("<HH", content, record.header_offset + 26)
    start = record.header_offset + 30 + name + extra
    return memoryview(content)[start : start + record.file_size]


def _disassembles(content: bytes) -> bool:
    """Whether these bytes begin with a pickle; those of protocols 0 and 1 have no marker."""
    try:
        for _ in pickletools.genops(content):
            pass
    except Exception:  # arbitrary bytes may raise anything
        return False
    return True


def globals_of(pickled: bytes) -> tuple[str, ...]:
    """Every `module.name` that a pickle would import, sorted, with today's names for modules that Python renamed.

    Covers all protocols. An old torch file holds four pickles in a row; all are scanned. The scan ends at bytes that
    are not a pickle.
    """
    stream, found = io.BytesIO(pickled), set[str]()
    for _ in range(_LEGACY_PICKLES):
        try:
            _add_globals_of_next(stream, found)
        except Exception:  # the loader reports what is wrong with the rest
            break
    return tuple(sorted(found))


def _add_globals_of_next(stream: io.BytesIO, found: set[str]) -> None:
    strings: list[str] = []  # pushed so far, for STACK_GLOBAL
    memo: dict[int, str] = {}
    latest = _UNKNOWN  # what the previous opcode left on top, if it is a string
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            memo[int(argument) if argument is not None else len(memo)] = latest
            continue
        latest = _UNKNOWN
        if opcode.name in ("GLOBAL", "INST"):
            found.add(_today(*str(argument).split(" ", 1)))
        elif opcode.name in _STRINGS:
            latest = str(argument)
            strings.append(latest)
        elif opcode.name in ("GET", "BINGET", "LONG_BINGET"):
            latest = memo.get(int(argument or 0), _UNKNOWN)
            strings.append(latest)
        elif opcode.name == "STACK_GLOBAL":
            found.add(_today(*strings[-2:]) if len(strings) > 1 else _UNKNOWN)
        elif opcode.name in ("EXT1", "EXT2", "EXT4"):
            found.add(f"extension {argument}")


def _today(module: str, name: str) -> str:
    if (module, name) in NAME_MAPPING:
        module, name = NAME_MAPPING[module, name]
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"
