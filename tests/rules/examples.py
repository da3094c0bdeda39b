"""The examples of rules/*.yaml as test cases, and how each is put to rlslint and to a server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from rlslint.config import Options
from rlslint.pipeline import check
from rlslint.registry import Example, Rule, load_rules
from rlslint.report.model import Result

NEXT = re.compile(r"^-- next migration\n", re.MULTILINE)
MARK = re.compile(r"--\s*finds\s+(RLS\d{3})\s*$")


@dataclass(frozen=True)
class Case:
    rule: Rule
    example: Example

    def __str__(self) -> str:
        return f"{self.rule.code}: {self.example.title}"

    @property
    def bad(self) -> str:
        return self.example.given + self.example.bad

    @property
    def good(self) -> str:
        assert self.example.good is not None
        return self.example.given + self.example.good

    def expected(self) -> list[tuple[str, int]]:
        """(code, line) of every mark in the bad form."""
        lines = self.bad.splitlines()
        return [(match[1], number) for number, line in enumerate(lines, 1) if (match := MARK.search(line))]


def cases() -> list[Case]:
    return [Case(rule, example) for rule in load_rules().values() for example in rule.examples]


def lint(sql: str, options: Mapping[str, Any]) -> Result:
    """Lint a script; where a line ``-- next migration`` divides it, as that many migrations."""
    only = tuple(options.get("only", ()))
    settings = Options(
        paths=("-",),
        preset=options.get("preset", "none"),
        select=only,
        hot=tuple(options.get("hot", ())),
        exposed_schemas=tuple(options.get("exposed_schemas", ())),
        connects_as_owner=bool(options.get("connects_as_owner", False)),
    )
    parts = NEXT.split(sql)
    if len(parts) == 1:
        return check(settings, cwd=Path.cwd(), stdin=sql)
    with TemporaryDirectory() as folder:
        above = 0
        for number, part in enumerate(parts, start=1):
            # every file begins where it stands in the script, so that lines keep their numbers
            (Path(folder) / f"{number:04}_step.sql").write_text("\n" * above + part)
            above += part.count("\n") + 1
        return check(replace(settings, paths=(folder,)), cwd=Path(folder))


def apply(connection: psycopg.Connection[Any], sql: str, fails: str = "") -> set[str]:
    """Run a script statement by statement, as psql does: one that fails does not stop the rest.

    Returns the SQLSTATEs met: 42601 (the linter's own business) and the one that the example says ``fails``.
    """
    from rlslint.source.model import SourceFile
    from rlslint.source.split import split

    text = SourceFile("script", sql).text
    met: set[str] = set()
    for start, end in split(text, 0, len(text)):
        try:
            connection.execute(text[start:end].encode())
        except psycopg.Error as error:
            if error.sqlstate not in ("42601", fails):
                raise
            met.add(str(error.sqlstate))
    return met


def outcome(connection: psycopg.Connection[Any], probe: Mapping[str, Any]) -> set[str]:
    """What a probe gives: an SQLSTATE, or ``ok``, ``rows N`` and ``value V``."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            if "role" in probe:
                cursor.execute(f"SET LOCAL ROLE {probe['role']}".encode())
            for name, value in probe.get("settings", {}).items():
                cursor.execute("SELECT set_config(%s, %s, true)", (name, str(value)))
            for statement in probe.get("before", ()):
                cursor.execute(str(statement).encode())
            cursor.execute(str(probe["sql"]).encode())
            rows = cursor.fetchall() if cursor.description else []
            found = {"ok", f"rows {len(rows)}"}
            return found | ({f"value {rows[0][0]}"} if rows else set())
        except psycopg.Error as error:
            return {str(error.sqlstate)}
        finally:
            cursor.execute("ROLLBACK")


def plan_nodes(connection: psycopg.Connection[Any], probe: Mapping[str, Any]) -> list[str]:
    """Labels of the plan's nodes: ``Seq Scan on t``, ``Index Scan using i on t``, ``InitPlan 1`` ..."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"SET LOCAL ROLE {probe['role']}".encode())
        row = cursor.execute(f"EXPLAIN (FORMAT JSON, COSTS OFF) {probe['sql']}".encode()).fetchone()
        cursor.execute("ROLLBACK")
    assert row is not None
    return list(_labels(row[0][0]["Plan"]))


def _labels(node: Mapping[str, Any]) -> Iterator[str]:
    label = str(node["Node Type"])
    if "Index Name" in node:
        label += f" using {node['Index Name']}"
    if "Relation Name" in node:
        label += f" on {node['Relation Name']}"
    yield label
    if "Subplan Name" in node:
        yield str(node["Subplan Name"])
    for child in node.get("Plans", ()):
        yield from _labels(child)


def missing(labels: list[str], patterns: list[str]) -> list[str]:
    """Patterns that no label fits."""
    return [pattern for pattern in patterns if not any(fnmatchcase(label, pattern) for label in labels)]
