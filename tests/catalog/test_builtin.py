"""The data files against the server they were made from, and how they are looked up."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from rlslint.analyze import types as t
from rlslint.analyze.func import FuncMatch, resolve_function
from rlslint.analyze.oper import OperMatch, resolve_operator
from rlslint.catalog import builtin
from rlslint.catalog.builtin import generate
from rlslint.catalog.catalog import PG_CATALOG, PUBLIC_NAMESPACE, Catalog

FOLDER = Path(builtin.__file__).parent


def stored(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return data


@pytest.mark.server
def test_files_are_what_the_generator_writes(server: Any) -> None:
    # pytest's own folders are closed to the user that the server runs as
    with tempfile.TemporaryDirectory() as own, server.database() as connection:
        shutil.copytree(FOLDER / "extension", Path(own) / "extension")
        Path(own).chmod(0o755)
        version = connection.info.server_version
        if version // 10000 != 18:
            pytest.skip("the files are PostgreSQL 18's")
        found = generate.read_builtin(connection)
        expected = stored("pg_catalog.json")
        # other tests may have made roles
        found["roles"] = [row for row in found["roles"] if row[0] < 16384]
        assert [] == [kind for kind in expected if expected[kind] != found[kind]]
        names = {row[0] for row in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
        extensions = stored("extensions.json")
        assert extensions.keys() - names == generate.HANDWRITTEN
        assert extensions == generate.read_extensions(connection, own)


def test_rows_are_looked_up_by_oid_and_by_name() -> None:
    catalog = Catalog()
    assert "int4" == catalog.types[t.INT4].typname
    assert [t.INT4] == [row.oid for row in catalog.types.find("name", (PG_CATALOG, "int4"))]
    assert {1299, 2647} <= {
        row.oid for name in ("now", "transaction_timestamp") for row in catalog.procs.find("name", name)
    }
    assert 1 == len(catalog.casts.find("pair", (t.INT4, t.INT8)))
    assert catalog.types.get(1) is None
    assert () == catalog.procs.find("name", "no_such_function")
    role = catalog.find_role("pg_read_all_data")
    assert role is not None
    assert not role.rolbypassrls


def test_volatility_and_strictness() -> None:
    catalog = Catalog()
    (now,) = catalog.procs.find("name", "now")
    (random,) = [row for row in catalog.procs.find("name", "random") if not row.proargtypes]
    setting = catalog.procs.find("name", "current_setting")
    assert ("s", "v", {"s"}) == (now.provolatile, random.provolatile, {row.provolatile for row in setting})
    (lower,) = [row for row in catalog.procs.find("name", "lower") if row.proargtypes == (t.TEXT,)]
    assert ("i", True, False) == (lower.provolatile, lower.proisstrict, lower.proleakproof)
    equal = catalog.procs[catalog.operators[98].oprcode]
    assert ("texteq", True) == (equal.proname, equal.proleakproof)


def test_nothing_is_read_before_it_is_asked_for() -> None:
    code = (
        "import sys; from rlslint.catalog import builtin; from rlslint.catalog.catalog import Catalog; catalog = Catalog();"
        "before = builtin._data.cache_info().currsize; catalog.types.get(23);"
        "print(before, builtin._data.cache_info().currsize, builtin._extension_data.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "0 1 0" == done.stdout.strip()


def test_an_extension_that_is_not_known() -> None:
    catalog = Catalog()
    assert builtin.load_extension(catalog, "postgis", PUBLIC_NAMESPACE) is False
    assert [] == list(catalog.procs)


def test_what_an_extension_needs() -> None:
    assert ("cube",) == builtin.extension_requires("earthdistance")
    assert builtin.extension_requires("postgis") is None


@pytest.mark.parametrize(
    ("function", "argtypes", "volatility"),
    [
        ("uuid_generate_v4", [], "v"),
        ("uuid_generate_v5", [t.UUID, t.TEXT], "i"),
        ("gen_random_bytes", [t.INT4], "v"),
        ("crypt", [t.UNKNOWN, t.UNKNOWN], "i"),
        ("gen_salt", [t.UNKNOWN], "v"),
        ("digest", [t.TEXT, t.UNKNOWN], "i"),
        ("pgp_sym_encrypt", [t.TEXT, t.TEXT], "v"),
        ("pgp_pub_decrypt", [t.BYTEA, t.BYTEA, t.TEXT, t.TEXT], "i"),
    ],
)
def test_handwritten_extensions(function: str, argtypes: list[int], volatility: str) -> None:
    catalog = Catalog()
    for name in ("pgcrypto", "uuid-ossp"):
        assert builtin.load_extension(catalog, name, PUBLIC_NAMESPACE)
    found = resolve_function(catalog, None, function, argtypes, ("public",))
    assert isinstance(found, FuncMatch)
    assert (volatility, "c") == (found.proc.provolatile, found.proc.prolang)


EXTENSIONS = ("citext", "hstore", "ltree", "pg_trgm", "cube", "earthdistance", "intarray", "isn", "seg", "vector", "lo")


@pytest.mark.server
def test_operators_of_extensions(server: Any) -> None:
    """Every pair of the extensions' types and some others resolves alike; OIDs differ, so names are compared."""
    from tests.analyze import probe

    catalog = Catalog(18)
    with server.database() as connection:
        for name in EXTENSIONS:
            available = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", (name,)).fetchone()
            assert available, name
            connection.execute(f"CREATE EXTENSION {name}".encode())
            assert builtin.load_extension(catalog, name, PUBLIC_NAMESPACE)
        rows = connection.execute(
            "SELECT format_type(oid, NULL), typname FROM pg_type WHERE oid >= 16384 AND typtype = 'b' AND typarray <> 0"
        ).fetchall()
        types = {shown: catalog.find_type(None, name, ("public",)) for shown, name in rows}
        oids = {shown: row.oid for shown, row in types.items() if row is not None}
        assert types.keys() == oids.keys()
        oids |= {"text": t.TEXT, "int4": t.INT4, "float8": t.FLOAT8, "int4[]": 1007, "text[]": 1009, "?": t.UNKNOWN}
        signatures = {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT o.oid::int, oprname, a.typname, b.typname FROM pg_operator o JOIN pg_type a ON a.oid = oprleft"
                " JOIN pg_type b ON b.oid = oprright"
            )
        }
        parser = probe.Parser(connection)
        expected: dict[Any, Any] = {}
        actual: dict[Any, Any] = {}
        for name in ("=", "<", "||", "->", "@>", "<@", "~", "~~", "%", "<->", "?", "@@"):
            for left in oids:
                for right in oids:
                    parsed = parser.parse(f"SELECT {probe.null(left)} OPERATOR(public.{name}) {probe.null(right)}")
                    expected[name, left, right] = parsed.sqlstate or signatures[parsed.number("opno")]
                    found = resolve_operator(catalog, "public", name, oids[left], oids[right], ("public",))
                    actual[name, left, right] = (
                        (
                            name,
                            *(catalog.types[oid].typname for oid in (found.operator.oprleft, found.operator.oprright)),
                        )
                        if isinstance(found, OperMatch)
                        else found.sqlstate
                    )
    assert probe.difference(expected, actual) == {}
