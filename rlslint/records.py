"""Data classes as the standard library makes them, at less cost, under the same names.

For mypy they are the standard library's, and what is frozen stays frozen. At run time nothing guards it: the guard makes
a new object take four times as long, and a run makes them by the hundred thousand. Of the methods only ``__init__`` is
compiled at once: most classes are never compared, hashed or copied.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import field
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "field", "replace"]


def _dataclass(cls: Any = None, /, *, frozen: bool = False, eq: bool = True, **options: Any) -> Any:
    def made(cls: Any) -> Any:
        own_hash = "__hash__" in cls.__dict__
        if cls.__doc__ is None:
            # else the standard library puts a signature together
            cls.__doc__ = cls.__name__
        cls = dataclasses.dataclass(eq=False, repr=False, **options)(cls)
        cls.__repr__ = _repr
        if eq:
            _compared(cls, hashed=frozen and not own_hash)
            if not frozen and not own_hash:
                cls.__hash__ = None
        return cls

    return made if cls is None else made(cls)


@recursive_repr("...")
def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _compared(cls: Any, *, hashed: bool) -> None:
    """Give it ``__eq__`` and ``__hash__``, which put the real ones in their place when they are first called."""

    def settle() -> None:
        names = [one.name for one in dataclasses.fields(cls) if one.compare]
        mine, others = _tuple("self", names), _tuple("other", names)
        cls.__eq__ = _compiled(
            f"def __eq__(self, other):\n"
            f" return {mine} == {others} if other.__class__ is self.__class__ else NotImplemented"
        )
        if hashed:
            cls.__hash__ = _compiled(f"def __hash__(self):\n return hash({mine})")

    def equal(self: Any, other: object) -> Any:
        settle()
        return cls.__eq__(self, other)

    def hashed_value(self: Any) -> Any:
        settle()
        return cls.__hash__(self)

    cls.__eq__ = equal
    if hashed:
        cls.__hash__ = hashed_value


def _tuple(of: str, names: Iterable[str]) -> str:
    return f"({''.join(f'{of}.{name},' for name in names)})"


def _compiled(source: str, **known: Any) -> Any:
    """The one function that the text defines. Only names of our own fields go into it."""
    exec(source, known)
    return known.popitem()[1]


Copier = Callable[[Any], Any]
_copiers: dict[type[Any], Copier | None] = {}


def _replace(obj: Any, /, **changes: Any) -> Any:
    cls = obj.__class__
    try:
        copier = _copiers[cls]
    except KeyError:
        copier = _copiers[cls] = _copier(cls)
    if copier is None:
        return dataclasses.replace(obj, **changes)
    copy = copier(obj)
    for name in changes:
        setattr(copy, name, changes[name])
    return copy


def _copier(cls: type[Any]) -> Copier | None:
    """None where more is to be done than to set the fields."""
    if hasattr(cls, "__post_init__"):
        return None
    names = [one.name for one in dataclasses.fields(cls)]
    lines = "".join(f" copy.{name} = self.{name}\n" for name in names)
    copied: Copier = _compiled(f"def copied(self):\n copy = new(cls)\n{lines} return copy", new=object.__new__, cls=cls)
    return copied


if TYPE_CHECKING:
    from dataclasses import dataclass, replace
else:
    dataclass, replace = _dataclass, _replace
