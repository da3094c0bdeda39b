"""SQL given to a scratch database and to the replay, and where the two catalogs differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from rlslint.replay.replay import Replayed, replay
from rlslint.report.catalog import catalog_json
from rlslint.source.model import Migration, Project, SourceFile
from rlslint.source.parse import parse_script
from rlslint.verify.compare import apply, differences, wording_differences
from rlslint.verify.introspect import introspect


def project(scripts: Sequence[str]) -> Project:
    migrations = []
    for number, text in enumerate(scripts, start=1):
        source = SourceFile(f"{number}.sql", text)
        statements, problems = parse_script(source, 0, len(text))
        assert problems == []
        migrations.append(Migration(source, tuple(statements), (), (), transactional=False))
    return Project("files", tuple(migrations))


def replayed(scripts: Sequence[str]) -> Replayed:
    return replay(project(scripts), preset="none", pg_version=18)


def disagreements(connection: psycopg.Connection[Any], scripts: Sequence[str]) -> list[str]:
    """Apply each statement on its own on both sides: what is rejected, what is there in the end, and its wording."""
    connection.execute("SET client_min_messages = error")
    rejected = []
    for migration in project(scripts).migrations:
        rejected += [f"{code} {one.text}" for one, code, _ in apply(connection, migration.statements)]
        connection.execute("RESET ALL; RESET ROLE; SET client_min_messages = error")
    result = replayed(scripts)
    refused = [f"{step.error} {step.statement.text}" for step in result.steps if step.error is not None]
    found = [f"rejected by the server only: {text}" for text in rejected if text not in refused]
    found += [f"rejected by the replay only: {text}" for text in refused if text not in rejected]
    ours = catalog_json(result)
    return found + differences(introspect(connection), ours) + wording_differences(connection, ours)
