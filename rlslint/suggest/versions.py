"""The versions of the migrations there are in, the next ones out: the next number, or a time later than the newest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Final

_DIGITS: Final = re.compile(r"^([Vv]?)(\d+)")
_DOTTED: Final = re.compile(r"^[VvBb]?(\d+(?:[._]\d+)*)__")
_FORMATS: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


def next_numbers(names: Sequence[str], now: datetime, *, default: str) -> Iterator[str]:
    """Digits for the names of new files, in order, as wide as the newest file's; ``default`` when there is none.

    Dates, times and seconds or milliseconds since 1970 are told by their length: they become ``now``, or what follows
    the newest where that is later.
    """
    found = [match[2] for name in names if (match := _DIGITS.match(name))]
    # a file that is to stay the last for ever (99999999999999_seed.sql) is none to follow
    newest = max(
        [text for text in found if _is_time(text)] or found, key=lambda digits: (int(digits), len(digits)), default=""
    )
    width = len(newest)
    text = _time(newest, now) if newest else default
    number = int(text) if not newest or int(text) > int(newest) else int(newest) + 1
    while True:
        if str(number).zfill(width) not in found:
            yield str(number).zfill(width)
        number += 1


def _is_time(text: str) -> bool:
    return len(text) in _FORMATS and text[:2] in ("19", "20")


def _time(newest: str, now: datetime) -> str:
    """``now`` in the form of the newest version; "0" where that counts from 1."""
    if _is_time(newest):
        return now.strftime(_FORMATS[len(newest)])
    if len(newest) == 17 and newest[:2] == "20":
        return now.strftime("%Y%m%d%H%M%S") + f"{now.microsecond // 1000:03}"
    seconds = int(now.replace(tzinfo=now.tzinfo or timezone.utc).timestamp())
    if len(newest) == 10 and newest[0] == "1":
        return str(seconds)
    if len(newest) == 13 and newest[0] == "1":
        return str(seconds * 1000)
    if len(newest) == 19 and newest[0] == "1":
        return str(seconds * 1_000_000_000)
    return "0"


def next_versions(names: Sequence[str], now: datetime) -> Iterator[str]:
    """The same for Flyway's dotted versions: the last part grows (V1.9 is followed by V1.10)."""
    found = [match[1] for name in names if (match := _DOTTED.match(name))]
    newest = max(found, key=lambda text: [int(part) for part in re.split(r"[._]", text)], default="0")
    if re.fullmatch(r"\d+", newest):
        yield from next_numbers([newest], now, default="1")
        return
    cut = max(newest.rfind("."), newest.rfind("_")) + 1
    head, last = newest[:cut], newest[cut:]
    for number in range(int(last) + 1, int(last) + 100_000):
        yield head + str(number).zfill(len(last))
