"""Our data classes beside the standard library's: what can be told from outside is the same."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from rlslint import records


def made(dataclass: Any) -> tuple[Any, Any, Any]:
    @dataclass(frozen=True, slots=True)
    class Place:
        line: int
        known: list[int] = dataclasses.field(default_factory=list, compare=False, repr=False)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        name: str
        place: Any = None

    @dataclass(slots=True)
    class Sum:
        parts: tuple[int, ...]
        total: int = dataclasses.field(init=False)

        def __post_init__(self) -> None:
            self.total = sum(self.parts)

    return Place, Named, Sum


OURS, THEIRS = made(records.dataclass), made(dataclasses.dataclass)


def test_equality_and_hash() -> None:
    for place, named, sum_ in (OURS, THEIRS):
        assert place(1, [2]) == place(1, [3]) != place(2, [2])
        assert named(name="a") == named(name="a", place=None) != named(name="b")
        assert place(1) != named(name="a")
        assert sum_((1, 2)) == sum_((1, 2)) != sum_((3,))
        assert len({place(1, [2]), place(1, [3]), place(2)}) == 2
        with pytest.raises(TypeError):
            hash(sum_((1,)))
    assert hash(OURS[0](1)) == hash(THEIRS[0](1))
    assert OURS[0](1) != THEIRS[0](1)


def test_how_they_are_shown() -> None:
    for place, named, sum_ in (OURS, THEIRS):
        assert repr(named(name="a", place=place(1))) == (
            "made.<locals>.Named(name='a', place=made.<locals>.Place(line=1))"
        )
        assert repr(sum_((1, 2))) == "made.<locals>.Sum(parts=(1, 2), total=3)"


def test_a_copy_with_other_values() -> None:
    for replace, (place, named, sum_) in ((records.replace, OURS), (dataclasses.replace, THEIRS)):
        old = place(1, [2])
        assert replace(old, line=3) == place(3)
        assert replace(old, line=3).known is old.known
        assert old == place(1)
        assert replace(named(name="a"), place=old) == named(name="a", place=old)
        assert replace(sum_((1, 2)), parts=(4,)).total == 4
        with pytest.raises((TypeError, AttributeError)):
            replace(old, column=1)


def test_a_hash_of_its_own_stays() -> None:
    for dataclass in (records.dataclass, dataclasses.dataclass):

        @dataclass(frozen=True, slots=True)
        class Own:
            value: int

            def __hash__(self) -> int:
                return 7

        assert hash(Own(1)) == 7
        assert Own(1) == Own(1)
