"""A study as a Python value."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import study as checked
from ..config.aliases import spelled
from ..config.given import Layer
from ..study.assembled import assembled, toml_layer

WHERE = "Study"


class Study:
    """What to train, deploy and measure: the options of `bench-freeze run` as keyword arguments, validated.

    Ultralytics' names work too (`model`, `data`, `project`, `name`, `seed`), and so does `preset`. Without weights,
    target and base, the embedded study runs. None is the same as leaving the option out. If an argument may have been
    meant in another way, a warning says how it was understood.

    Raises InputError for an unknown option, for a value out of range, and for options that contradict each other.

        >>> from bench_freeze import Study
        >>> study = Study(model="yolo11n.pt", data="fruit.yaml", base="val2017.json", freeze=[23, 16], epochs=10)
        >>> study.values["freeze"], study.values["imgsz"]
        ((23, 16), 640)
        >>> str(study.out)
        'runs/fruit'
        >>> Study(epoch=10)
        Traceback (most recent call last):
        ...
        bench_freeze.errors.InputError: Study: 'epoch' is not a key of a study; did you mean 'epochs'?
    """

    def __init__(self, **options: Any) -> None:
        self._take([_given(options)])

    @classmethod
    def from_toml(cls, path: str | Path, **options: Any) -> Study:
        """Read a study file, such as `bench-freeze init` writes; `options` override the file.

        Raises InputError if the file is missing, is not TOML, or describes an invalid study.

            >>> from pathlib import Path
            >>> from bench_freeze import Study
            >>> _ = Path("study.toml").write_text('weights = "a.pt"\\ntarget = "t.yaml"\\nbase = "b.json"\\nepochs = 3')
            >>> Study.from_toml("study.toml", imgsz=320).values["epochs"]
            3
        """
        made = cls.__new__(cls)
        made._take([toml_layer(Path(path)), _given(options)])
        return made

    def _take(self, layers: list[Layer]) -> None:
        study, notes = assembled(layers, layers[0].where)
        for note in notes:
            warnings.warn(note, UserWarning, stacklevel=3)
        self._checked = study
        self._layers = layers

    @property
    def checked(self) -> checked.Study:
        """The internal form of this study: options in groups."""
        return self._checked

    @property
    def values(self) -> dict[str, Any]:
        """All options by name, including the defaults."""
        return self._checked.values()

    @property
    def out(self) -> Path:
        """The folder that receives results.json, the report and the artifacts."""
        return self._checked.out_folder

    @property
    def command(self) -> list[str]:
        """The equivalent command line, as a list of words."""
        words = ["bench-freeze", "run"]
        for layer in self._layers:
            words += _flags(layer.values) if layer.where == WHERE else [layer.where]
        return words

    def __eq__(self, other: object) -> bool:
        return self._checked == other._checked if isinstance(other, Study) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it holds what can be changed

    def __repr__(self) -> str:
        given = {name: value for layer in self._layers for name, value in layer.values.items()}
        return f"Study({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def _given(options: Mapping[str, Any]) -> Layer:
    """The given options, without those that are None."""
    return Layer(WHERE, {name: value for name, value in options.items() if value is not None})


def _flags(options: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in options.items():
        flag = f"--{spelled(name)}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif isinstance(value, Mapping):
            words += [word for key, item in value.items() for word in (flag, f"{key}={item}")]
        elif isinstance(value, list | tuple):
            words += [flag, ",".join(map(str, value))]
        else:
            words += [flag, str(value)]
    return words
