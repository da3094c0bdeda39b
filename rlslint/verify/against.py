"""A schema with findings and somebody's own cure in, three states side by side out: as it is, with that SQL, with rlslint's.

Each table concerned is asked as the roles that its policies are for and as one that bypasses them: single inserts, ten at
once, INSERT ... RETURNING and count(*); then which rows a state lets in or shows that the schema as it is does not.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan, reads
from rlslint.plan.predict import roles_of
from rlslint.records import dataclass
from rlslint.source.model import InputError, SourceFile
from rlslint.source.parse import parse_script
from rlslint.suggest.policies import table_name
from rlslint.suggest.trial import applied
from rlslint.verify.claims import absent
from rlslint.verify.measure import Measured, acting, digest, failed, measure, user_id
from rlslint.verify.request import TIMED_OUT, Request

Connection = psycopg.Connection[Any]

AT_ONCE: Final = 10
_USER: Final = 1
_RUNS: Final = 50
"""States are told apart by fractions of a millisecond, so quick statements are run more often than elsewhere."""
_READERS: Final = (1, 2, 7)
_FRESH: Final[dict[str, str]] = {
    "uuid": '"99999999-9999-4999-8999-999999999999"',
    "smallint": "32766",
    "integer": "2147483646",
    "bigint": "9223372036854775806",
    "text": '"no such value"',
    "character varying": '"none"',
    "timestamp with time zone": '"2100-01-01 00:00:00+00"',
    "date": '"2100-01-01"',
}
_COLUMNS: Final = """
SELECT a.attname, format_type(a.atttypid, NULL), a.atthasdef OR a.attidentity <> '',
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey))
FROM pg_attribute a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum"""


@dataclass(frozen=True, slots=True)
class Timed:
    """One statement of one role, in each state."""

    statement: str
    role: str
    runs: tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class Passing:
    """A row, or a user's rows, that not every state treats alike: what each state does."""

    what: str
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table."""

    table: str
    states: tuple[str, ...]
    timed: tuple[Timed, ...]
    passing: tuple[Passing, ...]

    @property
    def holds(self) -> bool:
        """Whether rlslint's cure, the last state, treats every row as the schema does without it."""
        return all(one.outcomes[0] == one.outcomes[-1] for one in self.passing)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of one table in every state."""

    relation: Relation
    table: str
    roles: tuple[str, ...]
    insert: str
    """An INSERT of a row like those there are; empty where there is none."""
    inserts: tuple[tuple[str, str], ...]
    """Rows that differ from it in one column: (what differs, the INSERT)."""


def statements_of(path: Path) -> list[str]:
    """The statements of a file. Raises InputError where it cannot be read or parsed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--against: {path}: {error}") from None
    parsed, problems = parse_script(SourceFile(str(path), text), 0, len(text))
    for problem in problems:
        raise InputError(f"--against: {path}: {problem.reason}")
    return [one.text for one in parsed]


def concerned(catalog: Catalog, plans: Iterable[AccessPlan], scripts: Iterable[Sequence[str]]) -> list[Relation]:
    """Tables with row security whose statements may run otherwise after one of the scripts."""
    changed: set[Oid] = set()
    for script in scripts:
        with applied(catalog, script) as change:
            whole = change.rejected is not None
            changed |= {policy.polrelid for policy in catalog.policies} if whole else change.tables
    oids = dict.fromkeys(plan.relid for plan in plans if not reads(plan).isdisjoint(changed))
    return [catalog.relations[oid] for oid in oids]


State = tuple[str, Callable[[], None]]
"""A name and what brings the database there from the state before."""


def compare(
    connection: Connection,
    catalog: Catalog,
    relations: Iterable[Relation],
    states: Sequence[State],
    settings: Mapping[str, str],
    request: Request,
) -> list[Comparison]:
    """Ask everything in each state in turn; the second is shown last. Raises InputError where a state cannot be reached."""
    limit_ms = request.limit_ms
    names = {table_name(catalog, relation.oid): relation for relation in relations}
    for name in absent(connection, names):
        request.say(f"{name} is left out: the server has no such table")
        del names[name]
    asked = [_asked(connection, catalog, relation) for relation in names.values()]
    found: list[list[tuple[list[Timed], dict[str, str]]]] = [[] for _ in asked]
    for number, (name, reach) in enumerate(states, 1):
        request.tell(f"state: {name}", number, len(states))
        try:
            reach()
        except psycopg.Error as error:
            raise InputError(f"{name}: {str(error).strip().splitlines()[0]}") from None
        connection.execute(b"VACUUM (ANALYZE)")
        for i, one in enumerate(asked):
            times = _times(connection, one, settings, limit_ms)
            late = {timed.role for timed in times if timed.statement == "count(*)" and timed.runs[0].error == TIMED_OUT}
            found[i].append((times, _rows(connection, one, settings, limit_ms, late)))
    order = [0, *range(2, len(states)), 1]
    labels = [states[i][0] for i in order]
    return [_comparison(one, labels, [results[i] for i in order]) for one, results in zip(asked, found, strict=True)]


def _comparison(one: _Asked, names: Sequence[str], results: Sequence[tuple[list[Timed], dict[str, str]]]) -> Comparison:
    timed = [
        Timed(first.statement, first.role, tuple(times[i].runs[0] for times, _ in results))
        for i, first in enumerate(results[0][0])
    ]
    outcomes = [
        (what, tuple(rows[what] for _, rows in results))
        for what in results[0][1]
        if all(rows[what] != TIMED_OUT for _, rows in results)
    ]
    differing = tuple(Passing(what, each) for what, each in outcomes if len(set(each)) > 1)
    return Comparison(one.table, tuple(names), tuple(timed), differing)


def _asked(connection: Connection, catalog: Catalog, relation: Relation) -> _Asked:
    table = table_name(catalog, relation.oid)
    roles = [catalog.rolname(role) for role in roles_of(catalog, relation) if role != PUBLIC]
    bypassing = [
        role.rolname
        for role in catalog.roles
        if role.rolbypassrls and not role.rolsuper and role.oid != relation.relowner
    ]
    there = {row[0] for row in connection.execute(b"SELECT rolname FROM pg_roles")}
    known = tuple(name for name in dict.fromkeys([*roles, *bypassing[:1]]) if name in there)
    columns = connection.execute(_COLUMNS.encode(), (table,)).fetchall()
    like = f"%{user_id(_USER)}%"
    sample = connection.execute(
        f"SELECT to_jsonb(t) FROM {table} t ORDER BY (to_jsonb(t)::text LIKE %s) DESC LIMIT 1".encode(), (like,)
    ).fetchone()
    if sample is None:
        return _Asked(relation, table, known, "", ())
    row = {name: json.dumps(value) for name, value in sample[0].items()}
    kinds = {name: kind for name, kind, _, _ in columns}
    given = [name for name, _, defaulted, unique in columns if not (defaulted and unique)]
    for name, kind, _, unique in columns:
        if unique and name in given and kind in _FRESH:
            row[name] = _FRESH[kind]
    changed = []
    for name in given:
        if kinds[name] in _FRESH and row[name] != _FRESH[kinds[name]]:
            value = _FRESH[kinds[name]]
            changed.append((f"{name} = {value.strip(chr(34))}", _insert(table, given, {**row, name: value})))
    return _Asked(relation, table, known, _insert(table, given, row), tuple(changed))


def _insert(table: str, names: Sequence[str], row: Mapping[str, str]) -> str:
    listed = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    text = "{" + ", ".join(f"{json.dumps(name)}: {row[name]}" for name in names) + "}"
    literal = text.replace("'", "''")
    return f"INSERT INTO {table} ({listed}) SELECT {listed} FROM jsonb_populate_record(NULL::{table}, '{literal}')"


def _times(connection: Connection, one: _Asked, settings: Mapping[str, str], limit_ms: int) -> list[Timed]:
    found = []
    name = one.relation.relname
    for role in one.roles:
        # reading first: rows that were taken back lie in the table until it is vacuumed
        statements = {"count(*)": f"SELECT count(*) FROM {one.table}"}
        if one.insert:
            statements |= {"INSERT": one.insert, "INSERT ... RETURNING": f"{one.insert} RETURNING *"}
        for label, sql in statements.items():
            run = measure(connection, sql, name, role, _USER, settings, limit_ms, _RUNS)
            found.append(Timed(label, role, (run,)))
            if label == "INSERT":
                tries = [_together(connection, sql, role, settings, limit_ms) for _ in range(3)]
                best = min(tries, key=lambda one: (bool(one.error), one.milliseconds))
                found.append(Timed(f"{AT_ONCE} INSERTs at once", role, (best,)))
    return found


def _together(connection: Connection, sql: str, role: str, settings: Mapping[str, str], limit_ms: int) -> Measured:
    """Ten connections that insert one row each at the same moment: from the first start to the last end."""
    barrier = threading.Barrier(AT_ONCE)
    spans: list[tuple[float, float]] = []
    errors: list[psycopg.Error] = []
    info = connection.info

    def work() -> None:
        try:
            with (
                psycopg.connect(info.dsn, password=info.password, autocommit=True) as own,
                acting(own, role, _USER, settings, limit_ms),
            ):
                barrier.wait()
                begun = time.perf_counter()
                own.execute(sql.encode())
                spans.append((begun, time.perf_counter()))
        except psycopg.Error as error:
            errors.append(error)
            barrier.abort()
        except threading.BrokenBarrierError:
            # another one could not come: it says why
            pass

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        return failed(errors[0], limit_ms)
    return Measured(milliseconds=1000 * (max(end for _, end in spans) - min(begun for begun, _ in spans)))


def _rows(
    connection: Connection, one: _Asked, settings: Mapping[str, str], limit_ms: int, late: set[str]
) -> dict[str, str]:
    """What happens to each new row, and how many rows some users see; of roles that are ``late`` no more is asked."""
    found: dict[str, str] = {}
    for role in one.roles:
        for what, sql in [("like those there are", one.insert), *one.inserts] if one.insert else []:
            try:
                with acting(connection, role, _USER, settings, limit_ms):
                    connection.execute(sql.encode())
                outcome = "passes"
            except psycopg.Error as error:
                outcome = error.sqlstate or "?"
            found[f"INSERT as {role} of a row {what if what.startswith('like') else f'with {what}'}"] = outcome
        for user in _READERS:
            query = f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {one.table} t"
            seen = TIMED_OUT if role in late else digest(connection, query, role, user, settings, limit_ms)
            found[f"rows that user {user} sees as {role}"] = seen
    return found
