"""A project in, the preset it needs out; a preset's name in, its rows put into the catalog."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from rlslint.analyze.typename import quote_identifier
from rlslint.catalog.store import Store
from rlslint.records import replace
from rlslint.replay.session import Session
from rlslint.source.model import Project, SourceFile, Statement
from rlslint.source.parse import parse_script

_SUPABASE: Final = re.compile(
    r"\bauth\s*\.\s*(?:uid|jwt|role|email)\s*\(|\bauth\.users\b|\bstorage\.(?:objects|buckets)\b|\brealtime\.messages\b",
    re.IGNORECASE,
)
_NEON: Final = re.compile(r"\bauth\s*\.\s*(?:user_id|session)\s*\(", re.IGNORECASE)
"""Functions of pg_session_jwt, which come with the roles authenticated and anonymous."""
_AUTHENTICATED: Final = re.compile(
    r"\bto\s+(?:public\s*,\s*|anon\s*,\s*|service_role\s*,\s*)*\"?authenticated\b",
    re.IGNORECASE,
)
_POSTGREST: Final = re.compile(r"\bweb_anon\b|\brequest\.jwt\.claims?\b", re.IGNORECASE)
_AUTH_SCHEMA: Final = re.compile(r"\bauth\.", re.IGNORECASE)
_LOGIN: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "supabase": ("postgres", ("$user", "public", "extensions")),
}
"""Who runs the project's files, with which search_path, where it is not the bootstrap superuser with the default."""

_SUPERUSERS: Final[dict[str, tuple[str, ...]]] = {"supabase": ("supabase_admin",)}
"""Superusers that a preset's statements run as or give objects to, where these must be there before it."""

_EXPOSED: Final[dict[str, frozenset[str]]] = {
    "supabase": frozenset({"public", "graphql_public"}),
    "postgrest": frozenset({"public", "api"}),
}
"""Schemas that the API of each serves unless told otherwise: Supabase's default, and PostgREST's with its tutorials'."""


def exposed_schemas(preset: str, configured: tuple[str, ...]) -> frozenset[str] | None:
    """Names of the schemas that an API serves; None where nothing says so."""
    return frozenset(configured) if configured else _EXPOSED.get(preset)


def preset_path(preset: str) -> tuple[str, ...]:
    """The search_path that the project's files run with; empty for the server's own."""
    return _LOGIN.get(preset, ("", ()))[1]


def preset_superusers(preset: str) -> tuple[str, ...]:
    """Names of the superusers that a server needs before the preset's statements run."""
    return _SUPERUSERS.get(preset, ())


def choose_preset(project: Project) -> str:
    """``supabase``, ``postgrest`` or ``none``: what the project's layout and SQL take for granted."""
    if project.layout == "supabase":
        return "supabase"
    texts = [migration.source.text for migration in project.migrations]
    if any(_SUPABASE.search(text) for text in texts):
        return "supabase"
    if any(_AUTHENTICATED.search(text) for text in texts) and not any(_NEON.search(text) for text in texts):
        return "supabase"
    if any(_POSTGREST.search(text) for text in texts) and not any(_AUTH_SCHEMA.search(text) for text in texts):
        return "postgrest"
    return "none"


@cache
def preset_statements(name: str) -> tuple[Statement, ...]:
    """The statements of a preset's file. Raises ValueError for a name there is none of."""
    if name == "none":
        return ()
    path = Path(__file__).parent / f"{name}.sql"
    if not path.is_file():
        raise ValueError(f"there is no preset {name!r}")
    text = path.read_text(encoding="utf-8")
    source = SourceFile(f"<preset {name}>", text)
    statements, problems = parse_script(source, 0, len(text))
    assert not problems, problems
    return tuple(statements)


def made_by_tool(search_path: tuple[str, ...]) -> tuple[Statement, ...]:
    """The schemas that a tool makes before its first migration."""
    made = "".join(f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(one)};\n" for one in search_path)
    source = SourceFile("<tool>", made)
    return tuple(parse_script(source, 0, len(source.text))[0])


def starting_path(preset: str, search_path: tuple[str, ...]) -> tuple[str, ...]:
    """The search_path of a migration, the tool's schemas in front; empty for the server's own."""
    own = preset_path(preset)
    return (*search_path, *(own or ("$user", "public"))) if search_path else own


def load_preset(session: Session, name: str, search_path: tuple[str, ...] = ()) -> None:
    """Replay a preset, and what a tool with that ``search_path`` makes, into a fresh session. Their
    rows have no origin: nothing in them is the user's to mend.

    Afterwards the session is that of whoever runs the project's files.
    """
    session.migration = -1
    for statement in (*preset_statements(name), *made_by_tool(search_path)):
        session.statement = statement
        session.run(statement)
    session.statement = None
    session.preset_extensions = frozenset(session.catalog.extensions)
    catalog = session.catalog
    for store in (
        catalog.namespaces,
        catalog.roles,
        catalog.types,
        catalog.relations,
        catalog.indexes,
        catalog.constraints,
        catalog.policies,
        catalog.procs,
        catalog.triggers,
    ):
        _forget_origins(cast("Store[Any]", store))
    login = _LOGIN.get(name, ("", ()))[0]
    if login:
        role = catalog.find_role(login)
        assert role is not None
        session.start_role = role.oid
    session.start_search_path = starting_path(name, search_path) or session.start_search_path
    session.login_role = session.role = session.start_role
    session.search_path_setting = session.start_search_path
    session.refresh_search_path()


def _forget_origins(store: Store[Any]) -> None:
    for row in list(store):
        if row.origin is None:
            continue
        changed = replace(row, origin=None)
        if hasattr(row, "rls_origin"):
            columns = tuple(replace(column, origin=None) for column in row.attributes)
            changed = replace(changed, rls_origin=None, attributes=columns)
        store.put(changed)
