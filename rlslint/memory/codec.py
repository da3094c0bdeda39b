"""Frozen data of the stages in, lists and strings that JSON can hold out, and back; what was one object stays one.

Only the classes named here are ever made, out of fields of theirs: what is read is data, whatever it says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, Final

from rlslint.catalog import catalog, rows
from rlslint.checks import model as checks
from rlslint.findings import Finding, Suggestion
from rlslint.nodes import parsenodes, primnodes
from rlslint.recall import Looked
from rlslint.registry import Rule
from rlslint.replay import session
from rlslint.replay.snapshot import Snapshot
from rlslint.rewrite.model import PolicyClause
from rlslint.source.model import Edit, Problem, Raw, SourceFile, Span, Statement
from rlslint.source.parse import later
from rlslint.source.split import split
from rlslint.suggest.advice import Advised, Joint

_AGAIN, _TUPLE, _LIST, _DICT, _SET, _RAW, _SOURCE, _STATEMENT, _RULE, _ENUM = range(10)
"""What the first element of a list says that it stands for; from `_SHAPES` on, an object of a shape."""
_SHAPES: Final = 10
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def _of(module: Any) -> Iterable[type]:
    """The dataclasses that a module defines."""
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "__dataclass_fields__"):
            yield value


_CLASSES: Final[tuple[type, ...]] = (
    *_of(primnodes),
    *_of(parsenodes),
    *_of(rows),
    catalog.Extension,
    session.Event,
    session.PolicyChange,
    session.RejectedPolicy,
    Edit,
    Problem,
    Span,
    PolicyClause,
    Snapshot,
    Looked,
    Advised,
    Joint,
    Finding,
    Suggestion,
    *(value for name, value in vars(checks).items() if name.startswith("Need") and isinstance(value, type)),
)
_BY_NAME: Final = {f"{one.__module__}.{one.__qualname__}": one for one in _CLASSES}
_ENUMS: Final = {primnodes.SubLinkType.__name__: primnodes.SubLinkType}
_NOTHING: Final = object()


def _fields_of(cls: type) -> tuple[tuple[str, Any], ...]:
    """Its fields and their defaults. The parse tree comes first: the nodes of the expressions in it are looked for there."""
    found = [
        (one.name, one.default if one.default_factory is MISSING and one.default is not MISSING else _NOTHING)
        for one in fields(cls)
    ]
    return tuple(sorted(found, key=lambda one: one[0] != "raw"))


_FIELDS: Final = {cls: _fields_of(cls) for cls in _CLASSES}


def _dicts(root: Any) -> list[Raw]:
    """Every dictionary in a parse tree, always in the same order."""
    found: list[Raw] = []
    stack: list[Any] = [root]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            found.append(item)
            stack.extend(one for one in item.values() if type(one) is dict or type(one) is list)
        else:
            stack.extend(one for one in item if type(one) is dict or type(one) is list)
    return found


class Encoder:
    """Puts objects into lists; ``sources``: files that are not put in but referred to. Nothing may come from the rest of
    ``files``, by identity."""

    def __init__(self, sources: Sequence[SourceFile], files: Collection[int] = ()) -> None:
        self._sources = {id(source): number for number, source in enumerate(sources)}
        self._others = frozenset(files) - self._sources.keys()
        self._known: dict[int, int] = {}
        self._raws: dict[int, int] = {}
        self._count = 0
        """Nodes of parse trees that were written."""
        self._kept: list[object] = []
        self._shapes: dict[tuple[type, tuple[str, ...]], int] = {}

    @property
    def shapes(self) -> list[list[object]]:
        """Class and fields of every shape that was met, for `Decoder`."""
        return [[f"{cls.__module__}.{cls.__qualname__}", list(names)] for cls, names in self._shapes]

    def value(self, value: Any) -> Any:
        """The value as JSON can hold it. Raises TypeError for what is not to be kept."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is tuple:
            return [_TUPLE, *map(self.value, value)]
        if id(value) in self._known:
            return [_AGAIN, self._known[id(value)]]
        if kind in _FIELDS:
            return self._object(value, kind)
        return self._other(value, kind)

    def _object(self, value: Any, kind: type) -> list[Any]:
        names: list[str] = []
        encoded: list[Any] = [0]
        for name, default in _FIELDS[kind]:
            held = getattr(value, name)
            if held is default or (type(held) is type(default) and held == default):
                continue
            names.append(name)
            if type(held) in _PLAIN:
                encoded.append(held)
            elif name == "raw":
                encoded.append(self._raw(held))
            else:
                encoded.append(self.value(held))
        encoded[0] = _SHAPES + self._shapes.setdefault((kind, tuple(names)), len(self._shapes))
        self._remember(value)
        return encoded

    def _other(self, value: Any, kind: type) -> list[Any]:
        if kind is list:
            return [_LIST, *map(self.value, value)]
        if kind is frozenset:
            return [_SET, *sorted(map(self.value, value), key=repr)]
        if kind is dict:
            return [_DICT, *(self.value(one) for pair in value.items() for one in pair)]
        if kind is Statement:
            return self._statement(value)
        if kind is SourceFile:
            return self._source(value)
        if kind is Rule:
            return [_RULE, value.code]
        if isinstance(value, Enum):
            return [_ENUM, kind.__name__, value.name]
        raise TypeError(f"{kind.__name__} is not kept")

    def _statement(self, value: Statement) -> list[Any]:
        span = self.value(value.span)
        # what can be parsed again need not be written
        tree = value.known_tree if len(list(split(value.text, 0, len(value.text)))) > 1 else None
        text = None if value.text == value.span.text else value.text
        encoded = [_STATEMENT, value.kind, text, span, value.synthetic, self.value(value.edits), tree]
        self._remember(value)
        return encoded

    def _source(self, value: SourceFile) -> list[Any]:
        number = self._sources.get(id(value))
        if number is not None:
            return [_SOURCE, number]
        if id(value) in self._others:
            raise TypeError(f"{value.path} is not among what is kept")
        # a preset's, or what a tool or function runs
        encoded = [_SOURCE, value.path, value.text, self.value(value.cuts)]
        self._remember(value)
        return encoded

    def _raw(self, value: Raw) -> list[Any]:
        number = self._raws.get(id(value))
        if number is not None:
            return [_RAW, number]
        self._kept.append(value)
        # one that was met inside another tree has a second number: numbers count what is written
        for one in _dicts(value):
            self._raws[id(one)] = self._count
            self._count += 1
        return [_RAW, value]

    def _remember(self, value: object) -> None:
        self._known[id(value)] = len(self._known)
        self._kept.append(value)


def _maker(cls: type, names: tuple[str, ...]) -> Callable[[list[Any], Callable[[Any], Any]], Any]:
    """What makes an object of the class out of a list with these fields, the others having their defaults. It is written
    out field by field, which takes half of the time of a call with keywords. Raises ValueError for other fields."""
    defaults = dict(_FIELDS[cls])
    rest = [name for name in defaults if name not in names]
    # only our own names go into the text
    if not defaults.keys() >= set(names) or any(defaults[name] is _NOTHING for name in rest):
        raise ValueError(f"{cls.__name__} has other fields")
    own = [next(known for known in defaults if known == name) for name in names]
    lines = ["def make(one, value):", " made = new(cls)"]
    lines += [
        f" given = one[{place}]\n made.{name} = value(given) if type(given) is list else given"
        for place, name in enumerate(own, start=1)
    ]
    lines += [f" made.{name} = defaults[{name!r}]" for name in rest]
    known: dict[str, Any] = {"new": object.__new__, "cls": cls, "defaults": defaults}
    exec("\n".join([*lines, " return made"]), known)
    made: Callable[[list[Any], Callable[[Any], Any]], Any] = known["make"]
    return made


class Decoder:
    """Makes the objects again. ``sources``: the files that stand where those of `Encoder` did."""

    def __init__(self, shapes: Sequence[Any], sources: Sequence[SourceFile], rules: Mapping[str, Rule]) -> None:
        self._shapes = [_maker(_BY_NAME[name], tuple(names)) for name, names in shapes]
        self._sources = sources
        self._rules = rules
        self._seen: list[Any] = []
        self._raws: list[Raw] = []
        self._make: tuple[Callable[[list[Any]], Any], ...] = (
            lambda one: self._seen[one[1]],
            lambda one: tuple(self._rest(one)),
            self._rest,
            self._dict,
            lambda one: frozenset(self._rest(one)),
            self._raw,
            self._source,
            self._statement,
            lambda one: self._rules[one[1]],
            lambda one: _ENUMS[one[1]][one[2]],
        )

    def value(self, encoded: Any) -> Any:
        """What was put in. Raises LookupError, TypeError or ValueError for what no `Encoder` wrote."""
        if type(encoded) is not list:
            return encoded
        head = encoded[0]
        if head < _SHAPES:
            return self._make[head](encoded)
        made = self._shapes[head - _SHAPES](encoded, self.value)
        self._seen.append(made)
        return made

    def _rest(self, encoded: list[Any]) -> list[Any]:
        value = self.value
        return [one if type(one) is not list else value(one) for one in encoded[1:]]

    def _dict(self, encoded: list[Any]) -> dict[Any, Any]:
        flat = self._rest(encoded)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def _raw(self, encoded: list[Any]) -> Raw:
        if type(encoded[1]) is int:
            return self._raws[encoded[1]]
        self._raws += _dicts(encoded[1])
        found: Raw = encoded[1]
        return found

    def _source(self, encoded: list[Any]) -> SourceFile:
        if len(encoded) == 2:
            given: SourceFile = self._sources[encoded[1]]
            return given
        made = SourceFile(encoded[1], encoded[2], self.value(encoded[3]))
        self._seen.append(made)
        return made

    def _statement(self, encoded: list[Any]) -> Statement:
        _, kind, text, span_, synthetic, edits, tree = encoded
        span = self.value(span_)
        if text is None:
            text = span.text
        made = Statement(kind, later(text) if tree is None else tree, text, span, synthetic, self.value(edits))
        self._seen.append(made)
        return made
