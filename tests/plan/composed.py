"""Hypothesis strategies that compose indexes, functions and policies over composed_schema.sql, and the rows under it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

SCHEMA = (Path(__file__).parent / "composed_schema.sql").read_text()
KEY = "00000000-0000-0000-0000-000000000007"
CONTEXT = f"""
SELECT set_config('app.uid', '{KEY}', false), set_config('app.user', 'u7', false), set_config('app.team', '7', false),
  set_config('app.claims', '{{"org": "{KEY}", "team": 7, "sub": "u7"}}', false);
"""


def rows(items: int, members: int, teams: int) -> str:
    """SQL that fills the tables: a value finds one row in 2,000 (or as many as there are), a flag one in a hundred.

    Keys that members and items hold lie all over those of teams, as a foreign key's do.
    """
    team, org, owner = (f"(i * {step} + i / 2000 * {drift}) % 2000" for step, drift in ((31, 7), (17, 11), (7919, 0)))
    return f"""
CREATE FUNCTION pg_temp.u(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
INSERT INTO items SELECT i, pg_temp.u({owner}), 'u' || {owner}, 'u' || {owner}, {team} * {teams // 2000 or 1},
  {team} * {teams // 2000 or 1}, pg_temp.u({org}), 's' || (i + i / 2000) % 20, (i + i / 2000) % 100 = 0,
  now() - (i * 7919 % 200) * interval '1 day', ARRAY['t' || i * 13 % 2000, 't' || i * 11 % 2000],
  jsonb_build_object('owner', 'u' || {owner}), ARRAY[pg_temp.u({owner})], i * 37 % 2000,
  int4range((i * 7 % 100000)::int, (i * 7 % 100000 + 10)::int), repeat('x', 40)
  FROM generate_series(1::bigint, {items}) i;
INSERT INTO members SELECT i, {team} * {teams // 2000 or 1}, pg_temp.u({owner}), pg_temp.u({org}),
  'r' || (i + i / 2000) % 20, (i + i / 2000) % 100 = 0 FROM generate_series(1::bigint, {members}) i;
INSERT INTO teams SELECT i, pg_temp.u(i * 17 % 2000), pg_temp.u(i * 7919 % 2000), i * 3 FROM generate_series(1, {teams}) i;
"""


INDEXES = (
    "CREATE INDEX i_owner ON items (owner)",
    "CREATE INDEX i_owner_hash ON items USING hash (owner)",
    "CREATE INDEX i_owner_created ON items (owner, created)",
    "CREATE INDEX i_owner_include ON items (owner) INCLUDE (status)",
    "CREATE INDEX i_team ON items (team)",
    "CREATE INDEX i_team_owner ON items (team, owner)",
    "CREATE INDEX i_org ON items (org)",
    "CREATE INDEX i_org_set ON items (org) WHERE org IS NOT NULL",
    "CREATE INDEX i_owner_flag ON items (owner) WHERE flag",
    "CREATE INDEX i_id_flag ON items (id) WHERE flag",
    "CREATE INDEX i_owner_status ON items (owner) WHERE status = 's1'",
    "CREATE INDEX i_owner_some ON items (owner) WHERE status IN ('s1', 's2')",
    "CREATE INDEX i_text ON items (owner_text)",
    "CREATE INDEX i_text_pattern ON items (owner_text text_pattern_ops)",
    "CREATE INDEX i_text_lower ON items (lower(owner_text))",
    "CREATE INDEX i_text_hash ON items USING hash (owner_text)",
    "CREATE INDEX i_vc ON items (owner_vc)",
    "CREATE INDEX i_big ON items (team_big)",
    "CREATE INDEX i_meta ON items USING gin (meta)",
    "CREATE INDEX i_meta_path ON items USING gin (meta jsonb_path_ops)",
    "CREATE INDEX i_meta_owner ON items ((meta ->> 'owner'))",
    "CREATE INDEX i_tags ON items USING gin (tags)",
    "CREATE INDEX i_shared ON items USING gin (shared)",
    "CREATE INDEX i_amount ON items (amount)",
    "CREATE INDEX i_span ON items USING gist (span)",
    "CREATE INDEX i_span_sp ON items USING spgist (span)",
    "CREATE INDEX i_text_sp ON items USING spgist (owner_text)",
    "CREATE INDEX i_owner_text_cast ON items ((owner::text))",
    "CREATE INDEX i_flag ON items (flag)",
    "CREATE INDEX i_created_brin ON items USING brin (created)",
    "CREATE INDEX i_team_brin ON items USING brin (team)",
    "CREATE INDEX i_owner_desc ON items (owner DESC NULLS LAST)",
    "CREATE INDEX i_org_team ON items (org, team)",
    "CREATE INDEX i_either ON items ((coalesce(owner, org)))",
    "CREATE INDEX i_vc_lower ON items (lower(owner_vc))",
    'CREATE INDEX i_text_c ON items (owner_text COLLATE "C")',
    "CREATE INDEX m_usr ON members (usr)",
    "CREATE INDEX m_usr_team ON members (usr, team)",
    "CREATE INDEX m_team ON members (team)",
    "CREATE INDEX m_team_usr ON members (team, usr)",
    "CREATE INDEX m_usr_active ON members (usr) WHERE active",
    "CREATE INDEX m_usr_hash ON members USING hash (usr)",
    "CREATE INDEX m_team_active ON members (team) WHERE active",
    "CREATE INDEX m_org ON members (org)",
    "CREATE INDEX t_owner ON teams (owner)",
    "CREATE INDEX t_org ON teams (org)",
)

UUIDS = (
    "app.uid()",
    "(SELECT app.uid())",
    "current_setting('app.uid')::uuid",
    "app.uid_plain()",
    "app.uid_volatile()",
    "(SELECT app.uid_volatile())",
    "(app.claims() ->> 'org')::uuid",
    "((SELECT app.claims()) ->> 'org')::uuid",
    f"'{KEY}'",
)
TEXTS = (
    "current_setting('app.user')",
    "(SELECT current_setting('app.user'))",
    "app.uid()::text",
    "app.claims() ->> 'sub'",
    "'u7'",
    "current_user",
)
INTEGERS = (
    "current_setting('app.team')::int",
    "current_setting('app.team')::bigint",
    "current_setting('app.team')::numeric",
    "(SELECT current_setting('app.team')::int)",
    "(app.claims() ->> 'team')::int",
    "7",
)
CONSTANTS = (
    "app.is_admin()",
    "(SELECT app.is_admin())",
    "app.uid() IS NOT NULL",
    "app.claims() ->> 'role' = 'admin'",
    "current_user = 'app_admin'",
    "EXISTS (SELECT 1 FROM members WHERE usr = app.uid() AND role = 'r1')",
    "(SELECT count(*) FROM members WHERE usr = app.uid()) > 0",
)


def one_of(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    """A condition on one row of items that reads no other table."""
    uuid, text, number = draw(st.sampled_from(UUIDS)), draw(st.sampled_from(TEXTS)), draw(st.sampled_from(INTEGERS))
    return draw(
        one_of(
            f"owner = {uuid}",
            f"owner = {uuid}",
            f"{uuid} = owner",
            f"org = {uuid}",
            f"org = {uuid} OR org IS NULL",
            f"owner::text = {text}",
            f"owner_text = {text}",
            f"lower(owner_text) = lower({text})",
            f"owner_vc = {text}",
            f"team = {number}",
            f"team_big = {number}",
            f"team IN (1, 2, {draw(st.sampled_from(INTEGERS))})",
            f"owner IN ({uuid}, '{KEY}')",
            f"coalesce(owner, org) = {uuid}",
            f"owner IS NOT DISTINCT FROM {uuid}",
            f"owner <> {uuid}",
            f"owner = {uuid} AND flag",
            f"owner = {uuid} AND status = 's1'",
            f"owner = {uuid} AND status IN ('s1', 's2')",
            f"owner = {uuid} AND created > now() - interval '1 day'",
            f"(team, owner) = ({number}, {uuid})",
            f"(team, owner) >= ({number}, {uuid})",
            f"(org, team) < ({uuid}, {number})",
            f"owner = {uuid} OR owner = {draw(st.sampled_from(UUIDS))} OR org = {uuid}",
            f"(owner = {uuid} OR team = {number}) AND org = {uuid}",
            f"(owner = {uuid} AND org = {uuid}) OR team = {number}",
            f'owner_text COLLATE "C" = {text}',
            f"owner_text > {text}",
            f"team BETWEEN {number} AND 9",
            f"team BETWEEN 3 AND 9 AND owner = {uuid}",
            f"owner_text ^@ {text}",
            f"tags && ARRAY[{text}]",
            "shared = '{}'",
            f"span && int4range({draw(one_of('7', 'current_setting($$app.team$$)::int'))}, 9)",
            f"meta ? {text}",
            f"flag AND team = {number}",
            f"flag = (team = {number})",
            f"nullif(owner_text, '') = {text}",
            f"owner IN (SELECT {uuid})",
            "flag",
            "flag = true",
            "NOT flag",
            "flag IS TRUE",
            "status = 's1'",
            f"amount = {number}",
            f"meta ->> 'owner' = {text}",
            f"meta @> jsonb_build_object('owner', {text})",
            f"tags @> ARRAY[{text}]",
            f"{text} = ANY (tags)",
            f"shared @> ARRAY[{uuid}::uuid]",
            f"{uuid} = ANY (shared)",
            f"span @> {draw(one_of('7', 'current_setting($$app.team$$)::int'))}",
            f"owner_text LIKE {draw(one_of(repr('u7%'), text + ' || $$%$$', repr('%7')))}",
            "app.owns(owner)",
            "app.owns_definer(owner)",
            "app.owns_set(owner)",
            "app.owns_strict(owner)",
            f"app.owns_strict2(owner, {uuid})",
            "app.owns_plain(owner)",
            "app.in_team(team)",
            "(SELECT app.owns_plain(owner))",
            "(SELECT app.uid() = owner)",
            "org IS NOT NULL",
            "owner IS NOT NULL",
            f"owner IS NULL OR owner = {uuid}",
            f"owner IS NOT NULL AND org = {uuid}",
            "created > now() - interval '1 day'",
            f"org = {uuid} AND team = {number}",
            f"lower(owner_vc) = lower({text})",
            f"owner = ANY (ARRAY[{uuid}, NULL]::uuid[])",
            "team = ANY (app.team_ids())",
            "team = ANY ((SELECT app.team_ids())::int[])",
            "team = ANY (ARRAY(SELECT app.team_set()))",
            f"CASE WHEN app.is_admin() THEN true ELSE owner = {uuid} END",
            "true",
        )
    )


@st.composite
def subqueries(draw: st.DrawFn) -> str:
    """A condition on one row of items that reads members or teams."""
    uid = draw(one_of("app.uid()", "(SELECT app.uid())", "current_setting('app.uid')::uuid", "app.uid_plain()"))
    more = draw(one_of("", "", " AND m.role = 'r1'", " AND m.active", " AND m.role IN ('r1', 'r2')"))
    orgs = f"SELECT m.org FROM members m WHERE m.usr = {uid}"
    of_team = f"SELECT 1 FROM members m WHERE m.team = t.id AND m.usr = {uid}"
    return draw(
        one_of(
            f"EXISTS (SELECT 1 FROM members m WHERE m.team = items.team AND m.usr = {uid}{more})",
            f"EXISTS (SELECT 1 FROM members m WHERE m.team = items.team AND m.usr = {uid}{more})",
            f"NOT EXISTS (SELECT 1 FROM members m WHERE m.team = items.team AND m.usr = {uid}{more})",
            f"EXISTS (SELECT 1 FROM members m WHERE m.team = items.team AND m.usr = {uid} AND items.flag)",
            f"EXISTS (SELECT 1 FROM members m WHERE m.team <= items.team AND m.usr = {uid}{more})",
            f"EXISTS (SELECT 1 FROM members m WHERE (m.team = items.team OR m.org = items.org) AND m.usr = {uid})",
            f"EXISTS (SELECT 1 FROM members m WHERE m.usr = {uid}{more})",
            "EXISTS (SELECT 1 FROM members m WHERE m.team = items.team GROUP BY m.org)",
            f"team IN (SELECT m.team FROM members m WHERE m.usr = {uid}{more})",
            f"team NOT IN (SELECT m.team FROM members m WHERE m.usr = {uid}{more})",
            f"team = ANY (ARRAY(SELECT m.team FROM members m WHERE m.usr = {uid}{more}))",
            f"{uid} IN (SELECT m.usr FROM members m WHERE m.team = items.team{more})",
            f"(SELECT m.role FROM members m WHERE m.team = items.team AND m.usr = {uid} LIMIT 1) = 'r1'",
            f"(SELECT count(*) FROM members m WHERE m.team = items.team AND m.usr = {uid}) > 0",
            f"EXISTS (SELECT 1 FROM members m JOIN teams t ON t.id = m.team WHERE t.id = items.team AND m.usr = {uid}{more})",
            f"EXISTS (SELECT 1 FROM teams t JOIN members m ON m.org = t.org WHERE t.id = items.team AND m.usr = {uid}{more})",
            f"EXISTS (SELECT 1 FROM teams t WHERE t.id = items.team AND t.owner = {uid})",
            f"EXISTS (SELECT 1 FROM teams t WHERE t.id = items.team AND t.org IN ({orgs}))",
            f"EXISTS (SELECT 1 FROM teams t WHERE t.id = items.team AND EXISTS ({of_team}))",
            "owner = (SELECT t.owner FROM teams t WHERE t.id = items.team)",
            f"(team, org) IN (SELECT m.team, m.org FROM members m WHERE m.usr = {uid}{more})",
            f"(team, owner) NOT IN (SELECT m.team, m.usr FROM members m WHERE m.usr = {uid}{more})",
            f"team = ALL (SELECT m.team FROM members m WHERE m.usr = {uid}{more})",
            f"team > ANY (SELECT m.team FROM members m WHERE m.usr = {uid}{more})",
            f"team <> ALL (SELECT m.team FROM members m WHERE m.usr = {uid}{more})",
            f"team_big = ANY (SELECT m.team FROM members m WHERE m.usr = {uid}{more})",
            f"amount IN (SELECT m.team FROM members m WHERE m.usr = {uid})",
            f"{uid} = ANY (ARRAY(SELECT m.usr FROM members m WHERE m.team = items.team{more}))",
            "owner = ANY (ARRAY(SELECT t.owner FROM teams t WHERE t.org = items.org))",
            f"tags && ARRAY(SELECT m.role FROM members m WHERE m.usr = {uid})",
            f"(SELECT min(m.team) FROM members m WHERE m.usr = {uid} AND m.org = items.org) = team",
            f"(SELECT (max(m.team) - min(m.team)) > 5 FROM members m WHERE m.usr = {uid})",
            f"(SELECT t.owner = {uid} FROM teams t WHERE t.id = items.team)",
            f"team = (SELECT m.team FROM members m WHERE m.usr = {uid} ORDER BY m.id LIMIT 1)",
            f"EXISTS (SELECT 1 FROM members m, teams t WHERE m.team = t.id AND t.owner = items.owner AND m.usr = {uid})",
            f"EXISTS (SELECT FROM members m FULL JOIN teams t ON t.id = m.team WHERE m.usr = {uid} AND t.id = items.team)",
            f"EXISTS (SELECT 1 FROM (SELECT team, usr FROM members) m WHERE m.team = items.team AND m.usr = {uid})",
            f"EXISTS (SELECT 1 FROM members m WHERE m.usr = {uid} AND m.team IN (items.team, 7))",
            f"EXISTS (SELECT 1 FROM members m WHERE m.team = items.team AND (m.usr = {uid} OR m.role = 'r1'))",
            f"EXISTS (SELECT 1 FROM members m WHERE m.team = coalesce(items.team, 7) AND m.usr = {uid})",
            f"EXISTS (SELECT 1 FROM members m WHERE m.usr = items.owner AND m.team = items.team{more})",
            f"EXISTS (SELECT 1 FROM members m WHERE m.usr::text = items.owner_text AND m.team = items.team{more})",
            f"owner IN (SELECT {uid})",
            f"org IN (SELECT t.org FROM teams t WHERE t.owner = {uid} UNION SELECT m.org FROM members m WHERE m.usr = {uid})",
            f"id IN (SELECT t.item FROM teams t WHERE t.owner = {uid})",
            f"team IN (SELECT m.team FROM members m WHERE m.usr = {uid} INTERSECT SELECT id FROM teams WHERE owner = {uid})",
            f"team IN (SELECT m.team FROM members m WHERE m.usr = {uid} EXCEPT SELECT id FROM teams WHERE owner = {uid})",
            f"team IN (SELECT m.team FROM members m WHERE m.usr = {uid} UNION ALL SELECT id FROM teams WHERE owner = {uid})",
            f"team = (SELECT max(m.team) FROM members m WHERE m.usr = {uid}{more})",
            f"(SELECT bool_or(m.active) FROM members m WHERE m.usr = {uid}{more})",
            f"team IN (SELECT DISTINCT m.team FROM members m WHERE m.usr = {uid}{more})",
            f"team IN (SELECT m.team FROM members m WHERE m.usr = {uid}{more} GROUP BY m.team HAVING count(*) > 1)",
            f"team IN (SELECT m.team FROM members m WHERE m.usr = {uid}{more} LIMIT 5)",
            f"EXISTS (SELECT 1 FROM members m WHERE m.org = items.org AND m.usr = {uid}{more})",
            f"team IN (SELECT t.id FROM teams t WHERE t.owner = {uid} AND t.org = items.org)",
            f"EXISTS (SELECT 1 FROM members m LEFT JOIN teams t ON t.id = m.team WHERE m.team = items.team AND m.usr = {uid})",
            f"team IN (WITH mine AS (SELECT m.team FROM members m WHERE m.usr = {uid}) SELECT team FROM mine)",
            f"team IN (WITH mine AS MATERIALIZED (SELECT team, usr FROM members) SELECT team FROM mine WHERE usr = {uid})",
            f"team IN (WITH mine AS (SELECT team FROM members WHERE usr = {uid}) SELECT a.team FROM mine a, mine b)",
            f"EXISTS (WITH mine AS MATERIALIZED (SELECT m.team FROM members m WHERE m.usr = {uid}) "
            "SELECT 1 FROM mine WHERE mine.team = items.team)",
            f"EXISTS (WITH mine AS NOT MATERIALIZED (SELECT team, usr FROM members) "
            f"SELECT 1 FROM mine a, mine b WHERE a.team = items.team AND b.usr = {uid})",
            "EXISTS (WITH mine AS (SELECT m.team, m.usr FROM members m) SELECT 1 FROM mine "
            f"WHERE mine.team = items.team AND mine.usr = {uid})",
            "EXISTS (SELECT 1 FROM my_teams v WHERE v.team = items.team)",
            "team IN (SELECT v.team FROM my_teams v)",
            f"EXISTS (SELECT 1 FROM kept v WHERE v.team = items.team AND v.usr = {uid})",
            f"team IN (SELECT v.team FROM kept v WHERE v.usr = {uid} AND lower(v.role) = 'r1')",
            f"team IN (SELECT v.team FROM kept v WHERE v.usr::text = {uid}::text)",
            "EXISTS (SELECT 1 FROM my_teams_invoker v WHERE v.team = items.team)",
            "team IN (SELECT v.team FROM my_teams_invoker v)",
            "team IN (SELECT * FROM app.team_rows())",
            "team IN (SELECT app.team_set())",
        )
    )


@cache
def conditions() -> st.SearchStrategy[str]:
    leaf = st.one_of(
        comparisons(), comparisons(), comparisons(), subqueries(), subqueries(), st.sampled_from(CONSTANTS)
    )

    def tree(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(inner, one_of("AND", "OR", "OR"), inner).map(lambda part: f"({part[0]}) {part[1]} ({part[2]})")

    return st.one_of(leaf, leaf, leaf, tree(leaf), tree(st.one_of(leaf, tree(leaf))))


@dataclass(frozen=True)
class Case:
    indexes: tuple[str, ...]
    statements: tuple[str, ...]
    role: str = "app_user"

    def sql(self) -> str:
        return ";\n".join([*self.indexes, *self.statements, ""])


@st.composite
def plain_cases(draw: st.DrawFn) -> Case:
    """One policy that reads no other table, and indexes of its table only: can one of them serve it at all?"""
    own = [index for index in INDEXES if " ON items " in index]
    indexes = draw(st.lists(st.sampled_from(own), min_size=1, max_size=4, unique=True))
    condition = draw(st.one_of(comparisons(), comparisons(), st.tuples(comparisons(), comparisons()).map(_both)))
    policy = f"CREATE POLICY p0 ON items TO app_user USING ({condition})"
    return Case(tuple(sorted(indexes, key=INDEXES.index)), (policy,))


def _both(parts: tuple[str, str]) -> str:
    return f"({parts[0]}) OR ({parts[1]})"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    indexes = draw(st.lists(st.sampled_from(INDEXES), max_size=5, unique=True))
    made = []
    for number in range(draw(st.sampled_from([1, 1, 1, 2, 2, 3]))):
        kind = "PERMISSIVE" if number == 0 else draw(one_of("PERMISSIVE", "PERMISSIVE", "RESTRICTIVE"))
        role = draw(one_of("app_user", "PUBLIC", "app_user", "app_admin")) if number else "app_user"
        command = draw(one_of("ALL", "ALL", "ALL", "SELECT", "UPDATE", "DELETE", "INSERT"))
        parts = "" if command == "INSERT" else f" USING ({draw(conditions())})"
        if command == "INSERT" or (command in ("ALL", "UPDATE") and draw(st.integers(0, 4)) == 0):
            parts += f" WITH CHECK ({draw(conditions())})"
        made.append(f"CREATE POLICY p{number} ON items AS {kind} FOR {command} TO {role}{parts}")
    inner = one_of(
        "usr = app.uid()",
        "usr = app.uid_plain()",
        "app.uid_volatile() = usr",
        "team = ANY (ARRAY(SELECT app.team_set()))",
        "team = ANY (app.team_ids())",
        "true",
        "role = 'r1' OR usr = app.uid()",
        "EXISTS (SELECT 1 FROM teams t WHERE t.id = members.team AND t.owner = app.uid())",
    )
    if draw(st.integers(0, 3)) == 0:
        made.append("ALTER TABLE members ENABLE ROW LEVEL SECURITY")
        made.append(f"CREATE POLICY inner_policy ON members FOR SELECT TO app_user USING ({draw(inner)})")
        if draw(st.booleans()):
            innermost = draw(one_of("owner = app.uid()", "org = (SELECT app.uid())", "app.owns_plain(owner)", "true"))
            made.append("ALTER TABLE teams ENABLE ROW LEVEL SECURITY")
            made.append(f"CREATE POLICY innermost_policy ON teams TO app_user USING ({innermost})")
    # in the order in which the server made them: of two that cost the same it takes the newest
    asking = draw(one_of("app_user", "app_user", "app_user", "app_admin"))
    return Case(tuple(sorted(indexes, key=INDEXES.index)), tuple(made), asking)
