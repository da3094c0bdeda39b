"""Inputs for the benchmark, made the same every time: a tree of migrations, single files, dumps with data, wide schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

HEADER = "-- generated for the benchmark\n"


def migrations(folder: Path, files: int) -> int:
    """A Supabase-like project of ``files`` migrations, about 11 statements each; the number of statements out.

    What years of migrations hold: one file in five makes a table with its policies; the others alter, index, replace
    policies, seed, comment and grant.
    """
    folder.mkdir(parents=True)
    count = 0
    for number in range(files):
        statements = list(_migration(number))
        count += len(statements)
        path = folder / f"{20240101000000 + number:014d}_step_{number}.sql"
        path.write_text(HEADER + "\n".join(statements) + "\n")
    return count


def _migration(number: int) -> Iterator[str]:
    if number == 0:
        yield from _base()
        return
    module, kind = divmod(number, 5)
    table = f"public.item_{module}"
    if kind == 0:
        yield from _table(module)
    elif kind == 1 and module:
        yield f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS note_{number} text;"
        yield f"ALTER TABLE {table} ALTER COLUMN note_{number} SET DEFAULT '';"
        yield f"CREATE INDEX IF NOT EXISTS item_{module}_state_idx ON {table} (state);"
        yield f"COMMENT ON COLUMN {table}.note_{number} IS 'what the owner says of it';"
        yield from _seed(number, 7)
    elif kind == 2 and module:
        yield f"DROP POLICY IF EXISTS item_{module}_read ON {table};"
        yield f"CREATE POLICY item_{module}_read ON {table} FOR SELECT TO authenticated USING ({_member()});"
        yield f"COMMENT ON POLICY item_{module}_read ON {table} IS 'members of the team';"
        yield f"GRANT SELECT ON {table} TO authenticated;"
        yield from _seed(number, 7)
    elif kind == 3 and module:
        yield _function(number)
        yield f"REVOKE ALL ON FUNCTION public.total_{number}(uuid) FROM PUBLIC;"
        yield f"CREATE OR REPLACE VIEW public.open_{module} WITH (security_invoker) AS\n" + (
            f"  SELECT id, title FROM {table} WHERE state = 'open';"
        )
        yield from _seed(number, 8)
    else:
        yield "BEGIN;"
        yield from _seed(number, 9)
        yield "COMMIT;"


def _base() -> Iterator[str]:
    yield "CREATE TABLE public.teams (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL);"
    yield (
        "CREATE TABLE public.members (team_id uuid NOT NULL REFERENCES public.teams, user_id uuid NOT NULL,\n"
        "  role text NOT NULL DEFAULT 'reader', PRIMARY KEY (user_id, team_id));"
    )
    yield "CREATE INDEX members_team_id_idx ON public.members (team_id);"
    for table in ("teams", "members"):
        yield f"ALTER TABLE public.{table} ENABLE ROW LEVEL SECURITY;"
    yield ("CREATE POLICY own ON public.members FOR SELECT TO authenticated\n  USING (user_id = (SELECT auth.uid()));")
    yield f"CREATE POLICY team ON public.teams FOR SELECT TO authenticated USING ({_member('id')});"


def _member(column: str = "team_id") -> str:
    return f"{column} = ANY (ARRAY(SELECT m.team_id FROM public.members m WHERE m.user_id = (SELECT auth.uid())))"


def _table(module: int) -> Iterator[str]:
    table = f"public.item_{module}"
    yield (
        f"CREATE TABLE {table} (\n  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n"
        "  team_id uuid NOT NULL REFERENCES public.teams (id) ON DELETE CASCADE,\n"
        "  owner_id uuid NOT NULL DEFAULT auth.uid(),\n  title text NOT NULL CHECK (length(title) < 200),\n"
        "  state text NOT NULL DEFAULT 'open',\n  made_at timestamptz NOT NULL DEFAULT now()\n);"
    )
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
    yield f"CREATE INDEX item_{module}_team_id_idx ON {table} (team_id);"
    if module % 10:
        yield f"CREATE INDEX item_{module}_owner_id_idx ON {table} (owner_id);"
    uid = "(SELECT auth.uid())" if module % 4 else "auth.uid()"
    yield f"CREATE POLICY item_{module}_read ON {table} FOR SELECT TO authenticated USING ({_member()});"
    yield (
        f"CREATE POLICY item_{module}_add ON {table} FOR INSERT TO authenticated\n"
        f"  WITH CHECK (owner_id = {uid} AND EXISTS (SELECT 1 FROM public.members m\n"
        f"    WHERE m.team_id = item_{module}.team_id AND m.user_id = {uid}));"
    )
    yield f"CREATE POLICY item_{module}_change ON {table} FOR UPDATE TO authenticated USING (owner_id = {uid});"
    yield f"GRANT SELECT, INSERT, UPDATE ON {table} TO authenticated;"
    yield f"COMMENT ON TABLE {table} IS 'things of one team';"
    yield from _seed(module * 5, 2)


def _function(number: int) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION public.total_{number}(team uuid) RETURNS bigint\n"
        "  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$\nDECLARE\n  result bigint;\nBEGIN\n"
        "  SELECT count(*) INTO result FROM public.members m WHERE m.team_id = team;\n  RETURN result;\nEND\n$$;"
    )


def _seed(number: int, rows: int) -> Iterator[str]:
    for row in range(rows):
        yield (
            "INSERT INTO public.teams (id, name) VALUES\n"
            f"  ('00000000-0000-0000-0000-{number:08d}{row:04d}', 'team {number} {row}') ON CONFLICT DO NOTHING;"
        )


def one_file(path: Path, statements: int, *, ascii_only: bool = True) -> None:
    """A single file of about that many statements; without ``ascii_only``, text that is not ASCII throughout."""
    lines = [HEADER]
    made = 0
    number = 0
    while made < statements:
        for statement in _migration(number):
            lines.append(statement if ascii_only else statement + " -- überprüft, проверено")
            made += 1
        number += 1
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def dump(path: Path, megabytes: int, tables: int = 50) -> int:
    """A dump with COPY data of about that size; the bytes of its schema out."""
    schema = 0
    with path.open("w", encoding="utf-8") as file:

        def write(text: str) -> None:
            nonlocal schema
            schema += len(text)
            file.write(text)

        for statement in _base():
            write(statement + "\n")
        row = "1\t" + "abcdefghij" * 9 + "\t2024-01-01 00:00:00+00\t\\N\n"
        block = row * 8_000
        rounds = max(1, megabytes * 1_000_000 // (tables * len(block)))
        for module in range(1, tables + 1):
            for statement in _table(module):
                if not statement.startswith("INSERT"):
                    write(statement + "\n")
            write(f"COPY public.item_{module} (id, title, made_at, state) FROM stdin;\n")
            for _ in range(rounds):
                file.write(block)
            write("\\.\n\n")
    return schema


def wide(path: Path, tables: int, policies: int) -> None:
    """A schema dump of many tables that share out many policies."""
    lines = list(_base())
    for module in range(1, tables + 1):
        table = f"public.item_{module}"
        lines += [
            f"CREATE TABLE {table} (id bigint PRIMARY KEY, team_id uuid NOT NULL, owner_id uuid NOT NULL, title text);",
            f"CREATE INDEX ON {table} (team_id);",
            f"CREATE INDEX ON {table} (owner_id);",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
        ]
        for number in range(policies // tables):
            command = ("SELECT", "UPDATE", "DELETE")[number % 3]
            condition = _member() if number % 2 == 0 else "owner_id = (SELECT auth.uid())"
            lines.append(f"CREATE POLICY p{number} ON {table} FOR {command} TO authenticated USING ({condition});")
    path.write_text("\n".join(lines) + "\n")


def one_table(path: Path, *, policies: int, roles: int, depth: int, each: bool) -> None:
    """One table with all the policies and roles, and a chain of tables each read by the policy of the one before it;
    ``each``: the policies take turns among the roles, else they are TO PUBLIC."""
    lines = [f"CREATE ROLE r{role};" for role in range(roles)]
    tables = [f"public.c{number}" for number in range(depth)]
    for table, below in zip(tables, [*tables[1:], ""], strict=True):
        seen = f"up IN (SELECT c.id FROM {below} c)" if below else "user_id = (SELECT auth.uid())"
        lines += [
            f"CREATE TABLE {table} (id bigint PRIMARY KEY, up bigint NOT NULL, user_id uuid NOT NULL);",
            f"CREATE INDEX ON {table} (up);",
            f"CREATE INDEX ON {table} (user_id);",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
            f"CREATE POLICY seen ON {table} FOR SELECT USING ({seen});",
        ]
    lines += [
        "CREATE TABLE public.t (id bigint PRIMARY KEY, up bigint NOT NULL, owner_id uuid NOT NULL, team_id bigint);",
        *(f"CREATE INDEX ON public.t ({column});" for column in ("up", "owner_id", "team_id")),
        "ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;",
    ]
    for role in range(roles):
        lines.append(f"GRANT SELECT, INSERT, UPDATE, DELETE ON public.t TO r{role};")
        lines += [f"GRANT SELECT ON {table} TO r{role};" for table in tables]
    for number in range(policies):
        to = f" TO r{number % roles}" if each else ""
        whose = "up IN (SELECT c.id FROM public.c0 c)" if number % 50 == 0 else "owner_id = (SELECT auth.uid())"
        lines.append(f"CREATE POLICY p{number} ON public.t{to} USING (team_id = {number} AND {whose});")
    path.write_text("\n".join(lines) + "\n")
