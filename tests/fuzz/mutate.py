"""Scripts that we wrote in, the same with a few things done to them out."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from tests.rules.examples import cases

TOKEN: Final = re.compile(r"\s+|\w+|'(?:[^']|'')*'|\$\w*\$|--[^\n]*|.", re.DOTALL)
Operation = tuple[int, int, int]
"""What is done, where, and with what: any numbers will do."""

_WORDS: Final = (
    "NULL", "DEFAULT", "(", ")", ")))", "(((", ";", "'", '"', "$$", "$a$", "/*", "*/", "--", "\\", "\\i x.sql\n",
    "\\connect x\n", ":x", ":'x'", "COPY t FROM stdin;\n", "\\.\n", "SELECT", "EXISTS (SELECT 1 FROM t)", "CASCADE", "ONLY",
    "SECURITY DEFINER", "WITH RECURSIVE a AS (SELECT * FROM a)", "UNION ALL", "::int", "::uuid", "::text[]", "[1]", ".*",
    "ROW(1, 2)", "ANY (ARRAY(SELECT 1))", "OVER ()", "COLLATE \"C\"", "auth.uid()", "current_user", "public.", "pg_catalog.",
    "DO $$ BEGIN EXECUTE 'x'; END $$;", "BEGIN;", "ROLLBACK;", "SET search_path = '';", "SET ROLE none;", "9223372036854775808",
    "1e400", "-1", "''", "E'\\x00'", "U&'\\0000'", "ä", "\u202e", "\x1b[31m", "::error::", "<script>", "\ufeff", "\r", "\x00",
    "PARTITION OF t FOR VALUES IN (1)", "INHERITS (t)", "LIKE t INCLUDING ALL", "RETURNS TRIGGER", "LANGUAGE plpgsql",
)  # fmt: skip
_BYTES: Final = (
    b"\x00",
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xef\xbb\xbf",
    b"\r",
    b"\x1a",
)
_MOST: Final = 60_000
"""Characters of a script that is made."""


@cache
def corpus() -> tuple[str, ...]:
    """The examples of the rules."""
    found = [
        text for case in cases() for text in (case.bad, case.good if case.example.good is not None else "") if text
    ]
    return tuple(dict.fromkeys(found))


def mutated(start: int, operations: Sequence[Operation]) -> bytes:
    """A script of the corpus with the operations applied, one after another."""
    texts = corpus()
    text = texts[start % len(texts)]
    raw: list[tuple[int, bytes]] = []
    for what, where, value in operations:
        tokens = TOKEN.findall(text)
        if not tokens:
            break
        at = where % len(tokens)
        other = texts[value % len(texts)]
        match what % 12:
            case 0:
                del tokens[at : at + 1 + value % 4]
            case 1:
                tokens.insert(at, tokens[value % len(tokens)])
            case 2:
                to = value % len(tokens)
                tokens[at], tokens[to] = tokens[to], tokens[at]
            case 3 | 4:
                tokens.insert(at, f" {_WORDS[value % len(_WORDS)]} ")
            case 5:
                tokens[at] = _WORDS[value % len(_WORDS)]
            case 6:
                words = [token for token in TOKEN.findall(other) if token[0].isalpha()]
                tokens[at] = words[where % len(words)] if words else ""
            case 7:
                statements = other.split(";")
                tokens.insert(at, f";{statements[where % len(statements)]};")
            case 8:
                span = tokens[at : at + 1 + value % 40]
                tokens[at:at] = span * (2 + value % 3)
            case 9:
                tokens = tokens[: at + 1] if value % 2 else tokens[at:]
            case 10:
                tokens.append(f";\n{other}")
            case _:
                raw.append((where, _BYTES[value % len(_BYTES)]))
        text = "".join(tokens)[:_MOST]
    data = text.encode("utf-8", "surrogatepass")
    for where, piece in raw:
        at = where % (len(data) + 1)
        data = data[:at] + piece + data[at:]
    return data


def drawn(source: random.Random) -> bytes:
    """One from a random source."""
    number = source.randint(1, 10)
    operations = [
        (source.randrange(1 << 30), source.randrange(1 << 30), source.randrange(1 << 30)) for _ in range(number)
    ]
    return mutated(source.randrange(1 << 30), operations)
