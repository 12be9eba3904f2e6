"""Runs the command line in processes that start in no time: each is a fork of one that has imported everything.

    with Nursery() as nursery:
        done = nursery.run(["run", "--out", "x"], folder, kill=At(7))

A child is a process of its own, with the real command line and the real disk. It can be killed by SIGKILL, after some
seconds or right before the n-th time that it is about to change the disk under a folder: create, sync, rename or remove
something. CPU only: a fork of a process with a GPU is of no use.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "open", "fsync")
_LONGEST_S = 900.0  # a command that takes longer hangs: it is killed, which its status says
_PRELOADED = ("torch.onnx", "torch._dynamo", "ultralytics", "onnxscript", "onnx", "onnxruntime", "PIL.Image")


@dataclass(frozen=True)
class At:
    """When to kill: before the n-th change of the disk (from 1), or after some seconds."""

    change: int | None = None
    after_s: float | None = None


@dataclass(frozen=True)
class Done:
    """How a command ended; `status` is negative for a signal. `changes` of the disk, in order, as far as it came."""

    status: int
    output: str
    changes: tuple[str, ...]
    seconds: float


class Nursery:
    """A process whose children have everything imported; use it as a context."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        settings = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **(environment or {})}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env=os.environ | settings,
        )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, arguments: list[str], scratch: Path, kill: At | None = None, watch: Path | None = None) -> Done:
        """Run a command line. `scratch` is an existing folder for the log; `watch` the folder whose changes count."""
        log, trace = scratch / "log.txt", scratch / "changes.txt"
        request = {"arguments": arguments, "log": str(log), "trace": str(trace), "kill": asdict(kill or At())}
        request["watch"] = str(watch or scratch)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the nursery died; its own messages are on standard error")
        told = json.loads(answer)
        changes = tuple(trace.read_text(errors="replace").splitlines()) if trace.exists() else ()
        return Done(told["status"], log.read_text(errors="replace"), changes, told["seconds"])


def _serve() -> None:
    import importlib

    requests, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for name in _PRELOADED:
        importlib.import_module(name)
    import torch

    from bench_freeze import cli, run  # noqa: F401

    # Most of a small study's time are convolutions that oneDNN compiles anew in every process.
    torch._C._set_mkldnn_enabled(False)

    for line in requests:
        request = json.loads(line)
        began = time.monotonic()
        if (child := os.fork()) == 0:
            _live(request)
        status = _wait(child, request["kill"]["after_s"])
        answers.write(json.dumps({"status": status, "seconds": time.monotonic() - began}) + "\n")
        answers.flush()


def _wait(child: int, after_s: float | None) -> int:
    end = time.monotonic() + (_LONGEST_S if after_s is None else after_s)
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _live(request: dict[str, Any]) -> None:
    """The child: its own log for output, the hook, the command line. Never returns."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for standard in (1, 2):
        os.dup2(log, standard)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    _count_changes(request["watch"], request["trace"], request["kill"]["change"])
    from bench_freeze.cli import main

    status = 70
    try:
        status = main(request["arguments"])
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _count_changes(watch: str, trace: str, fatal: int | None) -> None:
    """Write down every change of the disk under `watch` before it is made, and die before the fatal one."""
    handle = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    count = 0

    def change(event: str, *paths: object) -> None:
        nonlocal count
        count += 1
        os.write(handle, f"{event} {' '.join(os.path.basename(os.fsdecode(p)) for p in paths)}\n".encode())  # type: ignore[arg-type]  # noqa: PTH119
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def inside(path: object) -> bool:
        return isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(watch)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and inside(path):
                change(event, path)
        elif event in CHANGES:
            paths = [p for p in arguments[:2] if isinstance(p, (str, bytes, os.PathLike))]
            within = arguments[-1] not in (-1, None) and event in ("os.remove", "os.rmdir")  # by a folder's handle
            if within or any(map(inside, paths)):
                change(event, *paths)

    sync = os.fsync

    def fsync(handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        change("fsync", os.readlink(f"/proc/self/fd/{number}"))  # noqa: PTH115
        sync(handle)

    os.fsync = fsync  # type: ignore[assignment]
    sys.addaudithook(hook)


if __name__ == "__main__":
    _serve()
