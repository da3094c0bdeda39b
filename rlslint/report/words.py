"""Numbers and nouns to English."""

from __future__ import annotations


def count(number: int, word: str) -> str:
    """``1 policy``, ``2 policies``, ``0 files``."""
    if number == 1:
        return f"1 {word}"
    return f"{number} {word.removesuffix('y')}ies" if word.endswith("y") else f"{number} {word}s"
