"""Findings with their suggestions in, what a real server says of each out: plans, times and rows before and after."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql as quoting

from rlslint.analyze.typename import quote_identifier
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.checks.model import SMALL
from rlslint.findings import Finding, Suggestion
from rlslint.plan.predict import Predictor
from rlslint.records import dataclass
from rlslint.rewrite.model import StatementName
from rlslint.source.model import Statement
from rlslint.suggest.policies import table_name
from rlslint.suggest.trial import applied
from rlslint.verify.install import install
from rlslint.verify.measure import ANYBODY, Measured, digest, measure
from rlslint.verify.request import TIMED_OUT, Request
from rlslint.verify.rows import fill, tables_there

Connection = psycopg.Connection[Any]

_SETTING: Final = re.compile(
    r"current_setting\(\s*'(\w+\.\w+)'[^()]*\)(?:\s*,\s*''(?:::text)?\s*\))?[\s)]*(?:(?:::|\bAS\s)\s*(\w+))?",
    re.IGNORECASE,
)
"""A call with its name, and the type behind it: ``NULLIF(current_setting('app.user', true), '')::int``."""
_SCHEMAS: Final = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'"
USERS: Final = (1, 2, 3, 7, 4_999)
"""User 1 sees many rows, the others few; the last perhaps none."""
_READING: Final = ("select", "select_by_key", "update", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One statement of one role, before and after a finding's suggestions."""

    code: str
    table: str
    policy: str | None
    statement: str
    role: str
    before: Measured
    after: Measured
    predicted_before: str
    predicted_after: str
    same_rows: bool
    compared: int
    """Users whose rows could be compared in time."""
    enough: bool
    """The table holds as many rows as the prediction, which is for large tables, is meant for."""
    changes_rows: bool
    """The suggestion says itself that it changes who passes."""

    @property
    def factor(self) -> float | None:
        """How many times faster, at least so many where the time limit came first; None where one of them failed."""
        if self.before.error not in ("", TIMED_OUT) or self.after.error:
            return None
        return self.before.milliseconds / max(self.after.milliseconds, 0.001)

    @property
    def shown(self) -> bool:
        """Whether it ran at all: what is refused before and after shows nothing of the suggestion."""
        return self.before.error in ("", TIMED_OUT) or self.after.error != self.before.error

    @property
    def plan_as_predicted(self) -> bool | None:
        """Whether the table is read as predicted, before and after; None where it holds too few rows to tell, or the
        statement fails."""
        if not self.enough or {self.before.error, self.after.error} - {"", TIMED_OUT}:
            return None
        pairs = ((self.before, self.predicted_before), (self.after, self.predicted_after))
        return all(one.error or expected == "none" or _agree(one.scan, expected) for one, expected in pairs)

    @property
    def holds(self) -> bool:
        """Same rows (where that is claimed), and the plan as predicted."""
        return (self.same_rows or self.changes_rows) and self.plan_as_predicted is not False


def _agree(seen: str, predicted: str) -> bool:
    return seen == ("index_scan" if predicted == "bitmap_or" else predicted)


def prepare(
    connection: Connection,
    superusers: Iterable[str],
    preset: Iterable[Statement],
    statements: Sequence[Statement],
    path: Sequence[str],
    counts: Mapping[str, int],
    request: Request,
) -> None:
    """Make what exists before the first migration, run the migrations with that search_path and fill the tables: those of
    the preset with few rows, those in ``counts`` (by ``schema.table``) with so many.

    What the server refuses of the migrations is told and left out; of the preset, extensions are missing as a rule, and
    its superusers are made before it.
    """
    for name in superusers:
        connection.execute(quoting.SQL("CREATE ROLE {} SUPERUSER").format(quoting.Identifier(name)))
    list(install(connection, preset))
    few = tables_there(connection)
    if path:
        connection.execute(b"SELECT set_config('search_path', %s, false)", (", ".join(map(quote_identifier, path)),))
    request.tell("running migrations", 0, 0)
    for statement, sqlstate, message in install(connection, statements):
        request.say(f"left out ({sqlstate}): {message}: {' '.join(statement.text.split())[:60]}")
    _make_anybody(connection)
    for filled in fill(connection, request.rows, few, counts, request.tell):
        request.stop.look()
        if filled.problem or not filled.given:
            request.say(f"{filled.table}: {filled.problem or f'{filled.rows} rows'}")


def _make_anybody(connection: Connection) -> None:
    anybody = quoting.Identifier(ANYBODY)
    connection.execute(quoting.SQL("CREATE ROLE {}").format(anybody))
    for (schema,) in connection.execute(_SCHEMAS).fetchall():
        name = quoting.Identifier(schema)
        connection.execute(quoting.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(name, anybody))
        connection.execute(quoting.SQL("GRANT ALL ON ALL TABLES IN SCHEMA {} TO {}").format(name, anybody))
        connection.execute(quoting.SQL("GRANT ALL ON ALL SEQUENCES IN SCHEMA {} TO {}").format(name, anybody))


def claims(
    connection: Connection,
    catalog: Catalog,
    findings: Sequence[Finding],
    request: Request,
) -> Iterator[Claim]:
    """Each finding's statements, before its suggestions and with them; the database is put back after each finding."""
    settings, limit_ms = session_settings(catalog), request.limit_ms
    seen: set[tuple[object, ...]] = set()
    for number, finding in enumerate(findings, 1):
        changes = [one for one in finding.suggestions if one.up]
        relation = catalog.relations.get(finding.relid)
        key = (finding.relid, tuple(one.up for one in changes), finding.statements[:2], finding.roles[:1])
        if not changes or relation is None or key in seen:
            continue
        seen.add(key)
        request.tell(f"trying {finding.rule.code} on {relation.relname}", number, len(findings))
        missing = absent(connection, [table_name(catalog, relation.oid)])
        if missing:
            request.say(f"{finding.rule.code} is not tried: the server has no {missing[0]}")
            continue
        statements = _statements(connection, catalog, relation, finding.statements)
        if not statements or not finding.roles:
            continue
        roles = [finding.roles[0]]
        returning = _key(catalog, relation)
        counted = connection.execute(f"SELECT count(*) FROM {table_name(catalog, relation.oid)}".encode()).fetchone()
        before = {
            pair: _look(connection, relation, *pair, statements, returning, settings, limit_ms)
            for pair in _pairs(statements, roles)
        }
        with applied(catalog, [one.up for one in changes]) as change:
            touched = [table_name(catalog, oid) for oid in sorted({relation.oid, *change.indexed})]
            cured = _predicted(catalog, relation, roles, [name for name, _ in before])
        done: list[Suggestion] = []
        try:
            for one in changes:
                connection.execute(one.up.encode())
                done.append(one)
            connection.execute(f"VACUUM (ANALYZE) {', '.join(touched)}".encode())
            after = {
                pair: _look(connection, relation, *pair, statements, returning, settings, limit_ms) for pair in before
            }
        except psycopg.Error as error:
            request.say(f"{finding.rule.code} on {relation.relname}: the server refuses the suggestion: {_line(error)}")
            after = {pair: (Measured(error=error.sqlstate or "?"), ["refused"] * len(USERS)) for pair in before}
        finally:
            for one in reversed(done):
                connection.execute(one.down.encode())
        predicted = _predicted(catalog, relation, roles, [name for name, _ in before])
        for (name, role), (first, rows) in before.items():
            second, others = after[name, role]
            yield Claim(
                code=finding.rule.code,
                table=table_name(catalog, relation.oid),
                policy=finding.policy,
                statement=name,
                role=role,
                before=first,
                after=second,
                predicted_before=predicted[name, role],
                predicted_after=cured[name, role],
                same_rows=all(a == b or TIMED_OUT in (a, b) for a, b in zip(rows, others, strict=True)),
                compared=sum(TIMED_OUT not in pair for pair in zip(rows, others, strict=True)),
                enough=counted is not None and counted[0] >= SMALL,
                changes_rows=any(one.applicability == "unsafe" for one in changes),
            )


def absent(connection: Connection, tables: Iterable[str]) -> list[str]:
    """Those of the tables that the server does not have."""
    known = ((name, connection.execute(b"SELECT to_regclass(%s)", (name,)).fetchone()) for name in tables)
    return [name for name, row in known if row is None or row[0] is None]


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _pairs(statements: dict[str, str], roles: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, role) for name in statements for role in roles]


def _predicted(
    catalog: Catalog, relation: Relation, roles: Sequence[str], names: Sequence[str]
) -> dict[tuple[str, str], str]:
    predictor = Predictor(catalog)
    found: dict[tuple[str, str], str] = {}
    for role in roles:
        row = catalog.find_role(role)
        oid = 0 if row is None else row.oid
        for name in names:
            statement: StatementName = name  # type: ignore[assignment]
            found[name, role] = predictor.predict(relation.oid, oid, statement).scan.method
    return found


def _key(catalog: Catalog, relation: Relation) -> str:
    """What tells a row from others, and no trigger sets to the time: the primary key, or the whole row."""
    keys = [one.conkey for one in catalog.constraints_of(relation.oid) if one.contype == "p"]
    names = [quote_identifier(relation.column(number).attname) for number in (keys[0] if keys else ())]
    return ", ".join(names) or "*"


def _statements(connection: Connection, catalog: Catalog, relation: Relation, wanted: Sequence[str]) -> dict[str, str]:
    """SQL for the statements of a finding, as far as rows of the table can stand in for new ones."""
    table = table_name(catalog, relation.oid)
    columns = [one.attname for one in relation.attributes if not one.attisdropped and not one.attgenerated]
    if not columns:
        return {}
    # one that is always made by the server may not be set to a value, its own included (428C9)
    fixed = {one.attname for one in relation.attributes if one.attidentity == "a"}
    first = quote_identifier(columns[0])
    written = next((quote_identifier(one) for one in columns if one not in fixed), None)
    made = {"select": f"SELECT * FROM {table}", "delete": f"DELETE FROM {table} WHERE {first} IS NOT NULL"}
    if written is not None:
        made["update"] = f"UPDATE {table} SET {written} = {written} WHERE {first} IS NOT NULL"
    listed = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    row = connection.execute(f"SELECT to_jsonb(t)::text FROM {table} t LIMIT 1".encode()).fetchone()
    if row is not None:
        text = row[0].replace("'", "''")
        source = f"SELECT {listed} FROM jsonb_populate_record(NULL::{table}, '{text}')"
        insert = f"INSERT INTO {table} ({listed}) OVERRIDING SYSTEM VALUE {source} ON CONFLICT DO NOTHING"
        made["insert"] = made["insert_many"] = insert
    return {name: made[name] for name in wanted if name in made}


def _look(
    connection: Connection,
    relation: Relation,
    name: str,
    role: str,
    statements: dict[str, str],
    returning: str,
    settings: Mapping[str, str],
    limit_ms: int,
) -> tuple[Measured, list[str]]:
    """Time and plan for a user who sees few rows; what several users see or may change."""
    sql = statements[name]
    found = measure(connection, sql, relation.relname, role, USERS[1], settings, limit_ms)
    seen = []
    for user in USERS:
        if found.error == TIMED_OUT:
            # nor would it end for another user
            seen.append(TIMED_OUT)
            continue
        if name in _READING:
            inner = f"{sql} RETURNING {returning}" if name in ("update", "delete") else sql
            query = f"WITH seen AS ({inner}) SELECT count(*), md5(string_agg(seen::text, '|' ORDER BY seen::text)) FROM seen"
        else:
            query = sql
        seen.append(_refused_or(connection, query, role, user, settings, limit_ms, reading=name in _READING))
    return found, seen


def _refused_or(
    connection: Connection,
    query: str,
    role: str,
    user: int,
    settings: Mapping[str, str],
    limit_ms: int,
    *,
    reading: bool,
) -> str:
    if reading:
        return digest(connection, query, role, user, settings, limit_ms)
    return digest(
        connection,
        f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) {query}",
        role,
        user,
        settings,
        limit_ms,
    ).split("(actual")[0]


def session_settings(catalog: Catalog) -> dict[str, str]:
    """Custom settings that policies and functions read, with the type that each is cast to: they are given the user's id.
    A cast counts through NULLIF."""
    texts = [proc.prosrc for proc in catalog.procs]
    for policy in catalog.policies:
        texts += [stored.text for stored in (policy.polqual, policy.polwithcheck) if stored is not None]
    found: dict[str, str] = {}
    for text in texts:
        for name, kind in _SETTING.findall(text):
            if not name.startswith("request.") and (kind or name not in found):
                found[name] = kind.lower()
    return dict(sorted(found.items()))
