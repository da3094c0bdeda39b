"""Pairs of policy conditions, composed: the second is the first with something dropped, added, exchanged or said otherwise."""

from __future__ import annotations

from hypothesis import strategies as st

SCHEMA = """
CREATE ROLE app NOLOGIN;
CREATE TYPE kind AS ENUM ('small', 'large', 'huge');
CREATE FUNCTION uid() RETURNS text LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.user', true), '') $$;
CREATE TABLE admins (name text PRIMARY KEY);
CREATE FUNCTION is_admin() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS
  $$ BEGIN RETURN EXISTS (SELECT 1 FROM public.admins a WHERE a.name = public.uid()); END $$;
CREATE TABLE jobs (id int PRIMARY KEY, owner text, status text);
CREATE TABLE tasks (id int PRIMARY KEY, owner text NOT NULL, job int REFERENCES jobs (id));
ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tasks FOR SELECT USING (owner = uid());
CREATE TABLE members (team int, name text, role text);
CREATE TABLE t (
  id int PRIMARY KEY,
  owner text NOT NULL,
  other text,
  n int,
  m bigint NOT NULL,
  flag boolean,
  status text CHECK (status IN ('open', 'done', 'held')),
  size kind,
  day date,
  job_id int REFERENCES jobs (id),
  task_id int NOT NULL REFERENCES tasks (id),
  ref int
);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO app;
"""

ROWS = """
INSERT INTO admins VALUES ('ann');
INSERT INTO jobs VALUES (1, 'ann', 'open'), (2, 'bob', 'done'), (3, NULL, 'open'), (4, 'ann', NULL);
INSERT INTO tasks VALUES (1, 'ann', 1), (2, 'bob', 2), (3, 'cid', NULL), (4, 'ann', 3);
INSERT INTO members VALUES (1, 'ann', 'lead'), (2, 'ann', 'guest'), (2, 'bob', 'lead'), (3, NULL, 'lead'), (4, 'bob', NULL);
INSERT INTO t SELECT
  i,
  (ARRAY['ann', 'bob', 'cid'])[1 + i % 3],
  (ARRAY['ann', 'bob', NULL])[1 + i / 3 % 3],
  (ARRAY[0, 1, 2, 3, 5, 6, 9, NULL])[1 + i * 7 % 8],
  i * 5 % 11,
  (ARRAY[true, false, NULL])[1 + i * 11 % 3],
  (ARRAY['open', 'done', 'held', NULL])[1 + i * 13 % 4],
  (ARRAY['small', 'large', 'huge', NULL]::kind[])[1 + i * 5 % 4],
  (ARRAY['2025-01-01', '2025-06-01', NULL]::date[])[1 + i * 17 % 3],
  (ARRAY[1, 2, 3, 4, NULL])[1 + i * 19 % 5],
  1 + i * 23 % 4,
  (ARRAY[1, 2, 3, 4, 7, NULL])[1 + i * 29 % 6]
FROM generate_series(1, 600) i;
"""

_texts = st.sampled_from(["'open'", "'done'", "'held'"])
_numbers = st.integers(-1, 10).map(str)
_compare = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
_user = st.sampled_from(
    [
        "uid()",
        "(SELECT uid())",
        "current_setting('app.user', true)",
        "current_setting('app.user')",
        "NULLIF(current_setting('app.user', true), '')",
        "'ann'",
    ]
)

_simple = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(["owner", "other"]), _user),
    st.builds("{} <> {}".format, st.sampled_from(["owner", "other"]), _user),
    st.builds("n {} {}".format, _compare, _numbers),
    st.builds("m {} {}".format, _compare, _numbers),
    st.builds("n BETWEEN {} AND {}".format, _numbers, _numbers),
    st.builds("{} IN ({}, {})".format, st.sampled_from(["n", "m"]), _numbers, _numbers),
    st.builds("{} NOT IN ({}, {})".format, st.sampled_from(["n", "m"]), _numbers, _numbers),
    st.builds("n {} m".format, _compare),
    st.builds("n::numeric {} {}".format, _compare, st.sampled_from(["1.5", "2", "5.0"])),
    st.builds("status {} {}".format, st.sampled_from(["=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]), _texts),
    st.builds("status = ANY (ARRAY[{}, {}])".format, _texts, _texts),
    st.builds("status <> ALL (ARRAY[{}, {}])".format, _texts, _texts),
    st.builds("size {} '{}'".format, _compare, st.sampled_from(["small", "large", "huge"])),
    st.builds("day {} '{}'".format, _compare, st.sampled_from(["2025-01-01", "2025-03-01", "2025-06-01"])),
    st.builds(
        "{} IS {}NULL".format,
        st.sampled_from(["owner", "other", "n", "flag", "status", "job_id", "task_id", "ref", "uid()"]),
        st.sampled_from(["", "NOT "]),
    ),
    st.sampled_from(
        [
            "flag",
            "NOT flag",
            "flag IS TRUE",
            "flag IS NOT FALSE",
            "flag IS NOT TRUE",
            "flag = false",
            "coalesce(flag, false)",
        ]
    ),
    st.sampled_from(["coalesce(flag, true)", "owner = other", "owner <> other", "other IS NOT DISTINCT FROM owner"]),
    st.sampled_from(
        ["coalesce(n, 0) > 2", "coalesce(other, owner) = uid()", "CASE WHEN flag THEN n > 2 ELSE n > 5 END"]
    ),
    st.sampled_from(["is_admin()", "(SELECT is_admin())", "lower(other) = 'ann'", "other LIKE 'a%'"]),
    st.sampled_from(["true", "false", "owner = owner", "other = other"]),
)
_key = st.sampled_from(["job_id", "ref", "task_id"])
_inner = st.sampled_from(
    ["true", "j.status = 'open'", "j.owner = uid()", "j.status <> 'done'", "j.id > 1", "j.owner = t.owner"]
)
_member = st.sampled_from(
    ["true", "x.name = uid()", "x.role = 'lead'", "x.role IN ('lead', 'guest')", "x.name = uid() AND x.role = 'lead'"]
)
_queries = st.one_of(
    st.builds("EXISTS (SELECT 1 FROM jobs j WHERE j.id = {} AND {})".format, _key, _inner),
    st.builds("{} IN (SELECT j.id FROM jobs j WHERE {})".format, _key, _inner),
    st.builds("{} = ANY (ARRAY(SELECT j.id FROM jobs j WHERE {}))".format, _key, _inner),
    st.builds("{} NOT IN (SELECT j.id FROM jobs j WHERE {})".format, _key, _inner),
    st.builds("NOT EXISTS (SELECT FROM jobs j WHERE j.id = {} AND {})".format, _key, _inner),
    st.sampled_from(
        [
            "EXISTS (SELECT 1 FROM tasks WHERE tasks.id = task_id)",
            "task_id IN (SELECT k.id FROM tasks k WHERE k.job IS NOT NULL)",
            "EXISTS (SELECT 1 FROM tasks k JOIN jobs j ON j.id = k.job WHERE k.id = task_id)",
            "EXISTS (SELECT 1 FROM tasks k JOIN jobs j ON j.id = k.job WHERE k.id = task_id AND j.status = 'open')",
        ]
    ),
    st.builds("EXISTS (SELECT 1 FROM members x WHERE x.team = t.ref AND {})".format, _member),
    st.builds("t.ref IN (SELECT x.team FROM members x WHERE {})".format, _member),
    st.builds("uid() IN (SELECT x.name FROM members x WHERE x.team = t.ref AND {})".format, _member),
    st.builds("(SELECT count(*) FROM members x WHERE x.team = t.ref AND {}) > 0".format, _member),
)
atoms = st.one_of(_simple, _simple, _queries)


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> tuple[str, list[str]]:
    """A condition, as its operator and its parts: ``("AND", [...])``."""
    parts = draw(st.lists(atoms, min_size=1, max_size=3))
    if depth and draw(st.integers(0, 3)) == 0:
        parts.append(said(draw(conditions(depth=0))))
    if draw(st.integers(0, 9)) == 0:
        parts[0] = f"NOT ({parts[0]})"
    return draw(st.sampled_from(["AND", "AND", "OR"])), parts


def said(condition: tuple[str, list[str]]) -> str:
    operator, parts = condition
    return f" {operator} ".join(f"({part})" for part in parts)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """The condition of a policy before and after."""
    operator, parts = draw(conditions())
    before = said((operator, parts))
    after = list(parts)
    how = draw(st.sampled_from(["drop", "add", "exchange", "turn", "other", "key", "reorder"]))
    at = draw(st.integers(0, len(parts) - 1))
    match how:
        case "drop" if len(parts) > 1:
            del after[at]
        case "add":
            after.insert(at, draw(atoms))
        case "exchange":
            after[at] = draw(atoms)
        case "turn":
            operator = "OR" if operator == "AND" else "AND"
        case "key":
            key = draw(_key)
            base = f"EXISTS (SELECT 1 FROM jobs j WHERE j.id = {key})"
            return (base, f"{key} IS NOT NULL") if draw(st.booleans()) else (f"{key} IS NOT NULL", base)
        case "reorder":
            after.reverse()
        case _:
            return before, said(draw(conditions()))
    return before, said((operator, after))
