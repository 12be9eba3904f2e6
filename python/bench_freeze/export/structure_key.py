"""What a module's traced graph depends on, as a value: all that is in it but the numbers of parameters and buffers."""

from __future__ import annotations

import hashlib
import types
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from enum import Enum
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_WORDS = (torch.dtype, torch.device, torch.layout, torch.memory_format)
_TENSORS = (Tensor, nn.Parameter)
# What stands in a class and does not change: it equals only itself.
_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    property,
    staticmethod,
    classmethod,
    TypeVar,
)


class NotKeyed(Exception):
    """The module holds something of which the key cannot tell whether another module's is the same."""


def state_tensors(module: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers by name: those not kept in a checkpoint too, shared ones under each of their names."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def structure_key(module: nn.Module) -> Hashable:
    """A value that two modules share only if tracing them gives one graph, with each one's tensors in its places.

    Of parameters and buffers it has the form, because a trace takes them as inputs; of any other tensor the bytes,
    because a trace may take them as constants. Code is compared by identity: a function that was replaced is another
    one, but what functions read from their module's globals is not seen. Raises NotKeyed for a module with any other
    object, since it might behave differently without looking so.
    """
    try:
        return _Description(module).of(module)
    except RecursionError:
        raise NotKeyed("a container that holds itself") from None
    except ValueError as error:  # Python's for a function that closes over a name without a value
        raise NotKeyed(str(error)) from None


class _Description:
    def __init__(self, module: nn.Module) -> None:
        self._inputs = {id(tensor) for tensor in state_tensors(module).values()}
        self._seen: dict[int, int] = {}  # numbers of modules, tensors and storages: shared ones show as such
        self._classes: set[type] = set()

    def of(self, value: object) -> Hashable:
        """The description of any value."""
        kind = type(value)
        if kind in _PLAIN or kind in _WORDS:
            return kind, repr(value)  # 1, 1.0 and True are equal in Python, as are 0.0 and -0.0; their words are not
        if isinstance(value, Enum):
            return kind, value.name
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, nn.Module):
            return self._module(value)
        if kind in (tuple, list, torch.Size):
            return kind, tuple(self.of(item) for item in value)  # type: ignore[attr-defined]
        if kind in (dict, OrderedDict):
            return kind, tuple((self.of(k), self.of(v)) for k, v in value.items())  # type: ignore[attr-defined]
        if kind in (set, frozenset):
            return kind, frozenset(self.of(item) for item in value)  # type: ignore[attr-defined]
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufcSU":
            return kind, value.dtype.str, value.shape, _digest(value.tobytes())
        return self._callable(value)

    def _callable(self, value: object) -> Hashable:
        if isinstance(value, type):
            return self._class(value) if issubclass(value, nn.Module) else (type, value)
        if isinstance(value, types.FunctionType):
            # Code is one object for all copies of a module, but what it closes over and its defaults may be edited.
            held = tuple(self.of(cell.cell_contents) for cell in value.__closure__ or ())
            return value, held, self.of(value.__defaults__), self.of(value.__kwdefaults__)
        if isinstance(value, types.MethodType):
            return types.MethodType, self.of(value.__func__), self.of(value.__self__)
        if isinstance(value, partial):
            return partial, self.of(value.func), self.of(value.args), self.of(value.keywords)
        owner = getattr(value, "__self__", None)
        if isinstance(value, types.BuiltinFunctionType) and (
            owner is None or isinstance(owner, types.ModuleType | type)
        ):
            return value
        raise NotKeyed(f"an object of {type(value).__module__}.{type(value).__qualname__}")

    def _module(self, module: nn.Module) -> Hashable:
        if (number := self._seen.get(id(module))) is not None:
            return nn.Module, number
        self._number(id(module))
        held = sorted(vars(module).items())  # parameters, buffers and submodules are dictionaries among them
        return nn.Module, self._class(type(module)), tuple((name, self.of(value)) for name, value in held)

    def _class(self, kind: type) -> Hashable:
        """A class with the data in it, which instances read unless they have their own, such as a head's `max_det`."""
        if kind in self._classes:
            return kind
        self._classes.add(kind)
        return kind, tuple(self._class_data(kind))

    def _class_data(self, kind: type) -> Iterator[Hashable]:
        for base in kind.__mro__[:-1]:
            for name, value in vars(base).items():
                if isinstance(value, _CODE):
                    yield name, value
                elif not (name.startswith("__") or name == "_abc_impl"):  # the machinery of Python's classes
                    yield name, self.of(value)

    def _tensor(self, tensor: Tensor) -> Hashable:
        if (number := self._seen.get(id(tensor))) is not None:
            return Tensor, number
        if type(tensor) not in _TENSORS or tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized:
            raise NotKeyed(f"a tensor of {type(tensor).__qualname__}, {tensor.layout}, {tensor.dtype}, {tensor.device}")
        if tensor.is_complex() or tensor.is_neg():  # translated into other tensors
            raise NotKeyed(f"a tensor of {tensor.dtype} or a negated view")
        self._number(id(tensor))
        form = (
            type(tensor),
            tensor.dtype,
            str(tensor.device),
            tuple(tensor.shape),
            tensor.stride(),
            tensor.storage_offset(),
            tensor.requires_grad,
            tensor.is_inference(),
            self._number(tensor.untyped_storage()._cdata),
            self.of(vars(tensor)),
        )
        if id(tensor) in self._inputs:
            return form
        values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return *form, _digest(values.numpy().tobytes())

    def _number(self, identity: int) -> int:
        return self._seen.setdefault(identity, len(self._seen))


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
