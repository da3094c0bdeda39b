"""Projects of a few files whose policies look into each other, and edits of them, drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.suggest.test_recalled import HEAD, HELPER, TABLES, composed

Edit = Callable[[random.Random, Path], None]
BESIDE = (
    "-- nothing but a comment\n",
    "CREATE INDEX {name} ON {table} ({column});\n",
    "DROP POLICY IF EXISTS p0 ON {table};\n",
    "ALTER POLICY p0 ON {table} USING (owner = me());\n",
    "CREATE POLICY {name} ON {table} FOR SELECT USING (team IN (SELECT x.team FROM {other} x WHERE x.owner = me()));\n",
    "CREATE POLICY {name} ON {table} USING (in_team(team)) WITH CHECK (true);\n",
    "CREATE TABLE {name} (id uuid PRIMARY KEY, up uuid REFERENCES {table}, owner uuid);\n"
    "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\n"
    "CREATE POLICY p ON {name} USING (EXISTS (SELECT FROM {table} x WHERE x.id = up AND x.owner = me()));\n",
    "DROP TABLE IF EXISTS {table} CASCADE;\n",
    "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;\n",
    "ALTER TABLE {table} FORCE ROW LEVEL SECURITY;\nUPDATE {table} SET kind = 'x' WHERE owner = me();\n",
    "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY; DROP POLICY IF EXISTS p0 ON {table}; DROP POLICY IF EXISTS p1 ON {table};\n"
    "DROP POLICY IF EXISTS p2 ON {table};\n",
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n",
    "CREATE POLICY p0 ON {table} USING (owner = (SELECT me()));\n",
    "ALTER TABLE {table} ADD COLUMN {name} uuid;\n",
    "ALTER TABLE {table} DROP COLUMN kind CASCADE;\n",
    "CREATE OR REPLACE FUNCTION is_admin() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT true $$;\n",
    "CREATE OR REPLACE FUNCTION in_team(x uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER\n"
    "  SET search_path = '' AS $$ SELECT EXISTS (SELECT FROM public.{table} m WHERE m.team = x) $$;\n",
    "CREATE FUNCTION in_team_teams() RETURNS SETOF uuid LANGUAGE sql AS $$ SELECT NULL::uuid $$;\n",
    "CREATE ROLE {name}; GRANT SELECT ON {table} TO {name};\n",
    "REVOKE ALL ON {table} FROM guest;\n",
    "CREATE VIEW {name} AS SELECT * FROM {table};\nGRANT SELECT ON {name} TO guest;\n",
    "CREATE SCHEMA {name};\nALTER ROLE member SET search_path = {name}, public;\n",
    "DO $$ BEGIN EXECUTE 'CREATE POLICY {name} ON {table} USING (kind = ''a'')'; END $$;\n",
    "SELECT nonsense FROM;\n",
    "-- rlslint: ignore[RLS1]\nCREATE POLICY {name} ON {table} USING (owner = me());\n",
    "BEGIN;\nDROP POLICY IF EXISTS p1 ON {table};\nROLLBACK;\n",
)
"""What may be written at the end of a file."""


def written(choose: random.Random, seed: int, folder: Path) -> None:
    """A project: roles and functions, then every table with its policies in a file of its own."""
    head, _, rest = composed(seed).partition(HELPER)
    statements = [head.removeprefix(HEAD), *rest.strip().split("\n")]
    folder.mkdir()
    (folder / "0000_base.sql").write_text(HEAD + statements[0] + HELPER, encoding="utf-8")
    for number, table in enumerate(TABLES, start=1):
        own = [one for one in statements[1:] if f" ON {table} " in one]
        (folder / f"{number:04}_{table}.sql").write_text("\n".join([*own, beside(choose)]), encoding="utf-8")


def beside(choose: random.Random) -> str:
    """One of `BESIDE`."""
    table, other = choose.sample(TABLES, 2)
    column = choose.choice(["owner", "team", "kind"])
    return choose.choice(BESIDE).format(table=table, other=other, column=column, name=f"n{choose.randrange(1_000_000)}")


def _append(choose: random.Random, path: Path) -> None:
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{beside(choose)}", encoding="utf-8")


def _cut(choose: random.Random, path: Path) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    del lines[choose.randrange(len(lines))]
    path.write_text("\n".join(lines), encoding="utf-8")


def _more(choose: random.Random, path: Path) -> None:
    last = max(path.parent.iterdir())
    number = int(last.name[:4]) + 1
    (path.parent / f"{number:04}_more.sql").write_text(beside(choose) + beside(choose), encoding="utf-8")


def _less(choose: random.Random, path: Path) -> None:
    if path.name != "0000_base.sql":
        path.unlink()


def edited(choose: random.Random, folder: Path) -> Path:
    """Edit a file, the last ones more often than the others; the file that is the newest or was edited."""
    files = sorted(folder.iterdir())
    path = files[-1] if choose.random() < 0.6 else choose.choice(files)
    edit: Edit = choose.choice([_append, _append, _append, _cut, _more, _less])
    edit(choose, path)
    return path if path.exists() else max(folder.iterdir())
