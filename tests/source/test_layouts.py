"""Which files run, in which order, and which part of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlslint.source.model import InputError, Project
from tests.loading import load_project


def project(root: Path, files: dict[str, str], *paths: str, layout: str = "auto") -> Project:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load_project([str(root / path) for path in paths or ("",)], cwd=root, layout=layout)


def ran(found: Project) -> list[str]:
    return [statement.text for migration in found.migrations for statement in migration.statements]


CASES = {
    "supabase": (
        {
            "supabase/migrations/20240102_b.sql": "select 2",
            "supabase/migrations/20240101_a.sql": "select 1",
            "supabase/migrations/notes.sql": "select 9",
            "supabase/seed.sql": "select 8",
        },
        ["select 1", "select 2"],
    ),
    "supabase with rollbacks": (
        {
            "supabase/migrations/007_a.sql": "select 1",
            "supabase/migrations/007_a_rollback.sql": "select 9",
            # the only one of its number: a migration like any other
            "supabase/migrations/008_b_rollback.sql": "select 2",
            "supabase/migrations/009_c.down.sql": "select 9",
            "supabase/migrations/009_c.sql": "select 3",
        },
        ["select 1", "select 2", "select 3"],
    ),
    "flyway": (
        {
            "db/V1_10__late.sql": "select 3",
            "db/V1_2__early.sql": "select 2",
            "db/V1__first.sql": "select 1",
            "db/U1__undo.sql": "select 9",
            "db/R__view.sql": "select 4",
        },
        ["select 1", "select 2", "select 3", "select 4"],
    ),
    "golang-migrate": (
        {
            "migrations/2_b.up.sql": "select 2",
            "migrations/10_c.up.sql": "select 3",
            "migrations/1_a.up.sql": "select 1",
            "migrations/1_a.down.sql": "select 9",
        },
        ["select 1", "select 2", "select 3"],
    ),
    "dbmate": (
        {"db/migrations/1_a.sql": "-- migrate:up\nselect 1;\n-- migrate:down\nselect 9;\n"},
        ["select 1"],
    ),
    "goose": (
        {
            "migrations/2_b.sql": "-- +goose Up\nselect 2;\n-- +goose Down\nselect 9;",
            "migrations/1_a.sql": "-- +goose NO TRANSACTION\n-- +goose Up\n-- +goose StatementBegin\nselect 1;\n"
            "-- +goose StatementEnd\n-- +goose Down\nselect 9;",
        },
        ["select 1", "select 2"],
    ),
    "sql-migrate": (
        {"migrations/1.sql": "-- +migrate Up\nselect 1;\n-- +migrate Down\nselect 9;"},
        ["select 1"],
    ),
    "prisma": (
        {
            "prisma/migrations/0_init/migration.sql": "select 1",
            "prisma/migrations/20240101_x/migration.sql": "select 2",
            "prisma/migrations/migration_lock.toml": "",
        },
        ["select 1", "select 2"],
    ),
    "drizzle": (
        {
            "drizzle/0001_b.sql": "select 1;\n--> statement-breakpoint\nselect 2;",
            "drizzle/0000_a.sql": "select 3",
            "drizzle/meta/_journal.json": json.dumps({"entries": [{"tag": "0001_b"}, {"tag": "0000_a"}]}),
        },
        ["select 1", "select 2", "select 3"],
    ),
    "hasura": (
        {
            "migrations/1650_b/up.sql": "select 2",
            "migrations/900_a/up.sql": "select 1",
            "migrations/900_a/down.sql": "select 9",
        },
        ["select 1", "select 2"],
    ),
    "sqitch": (
        {
            "sqitch.plan": "%syntax-version=1.0.0\n%project=x\n\nzeta 2024-01-01T00:00:00Z a <a@b> # n\n@v1 2024\nalpha [zeta]\n",
            "deploy/alpha.sql": "BEGIN;\nselect 2;\nCOMMIT;",
            "deploy/zeta.sql": "select 1",
            "revert/zeta.sql": "select 9",
        },
        ["select 1", "BEGIN", "select 2", "COMMIT"],
    ),
    "graphile-migrate": (
        {
            "migrations/committed/000001.sql": "--! Previous: -\nselect 1",
            "migrations/committed/000002.sql": "select 2",
            "migrations/current.sql": "select 3",
        },
        ["select 1", "select 2", "select 3"],
    ),
    "liquibase": (
        {
            "migrations/1.sql": "--liquibase formatted sql\n--changeset a:1\ncreate table a (x int)\n--rollback drop table a;\n"
            "--changeset a:2\ncreate table b (x int);\n"
        },
        ["create table a (x int)", "create table b (x int)"],
    ),
    "numbered": (
        {"sql/10_c.sql": "select 3", "sql/2_b.sql": "select 2", "sql/001_a.sql": "select 1", "sql/1_a.down.sql": "x"},
        ["select 1", "select 2", "select 3"],
    ),
}


@pytest.mark.parametrize("layout", CASES)
def test_detected_from_the_root(layout: str, tmp_path: Path) -> None:
    files, expected = CASES[layout]
    found = project(tmp_path, files)
    assert found.layout == layout.split()[0]
    assert ran(found) == expected
    assert found.reported is None


def test_a_journal_of_drizzle_that_lists_no_file_is_passed_over(tmp_path: Path) -> None:
    files = {
        "drizzle/2_b.sql": "select 2",
        "drizzle/10_c.sql": "select 3",
        "drizzle/meta/_journal.json": '{"entries": []}',
    }
    found = project(tmp_path, files)
    assert ran(found) == ["select 2", "select 3"]
    assert found.note == "no file of Drizzle's journal is there: every file read, by number"


def test_files_beside_the_journal_of_drizzle_are_told(tmp_path: Path) -> None:
    files = {f"drizzle/{number}_a.sql": f"select {number}" for number in range(3)}
    found = project(tmp_path, {**files, "drizzle/meta/_journal.json": '{"entries": [{"tag": "0_a"}]}'})
    assert ran(found) == ["select 0"]
    assert found.note == "2 files are not in Drizzle's journal and not read (--layout numbered reads them)"


def test_goose_without_transaction(tmp_path: Path) -> None:
    found = project(tmp_path, CASES["goose"][0])
    assert [migration.transactional for migration in found.migrations] == [False, True]


def test_a_named_file_brings_its_folder(tmp_path: Path) -> None:
    found = project(tmp_path, CASES["supabase"][0], "supabase/migrations/20240102_b.sql")
    assert ran(found) == ["select 1", "select 2"]
    assert found.reported == frozenset({"supabase/migrations/20240102_b.sql"})


def test_a_lone_dump(tmp_path: Path) -> None:
    found = project(tmp_path, {"schema.sql": "select 1", "other.sql": "select 2"}, "schema.sql")
    assert ran(found) == ["select 1"]


def test_an_explicit_layout(tmp_path: Path) -> None:
    found = project(tmp_path, {"9_b.sql": "select 2", "10_a.sql": "select 1"}, layout="dbmate")
    assert ran(found) == ["select 1", "select 2"]


def test_an_unknown_layout_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown layout 'rails-ish': one of atlas, "):
        project(tmp_path, {"1.sql": "select 1"}, layout="rails-ish")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_bytes("select 'é'".encode(encoding))
    found = load_project([str(tmp_path)], cwd=tmp_path)
    assert ran(found) == ["select 'é'"]
    assert found.migrations[0].problems == ()


def test_a_changelog_where_rlslint_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # "." has no parents to look in
    monkeypatch.chdir(tmp_path)
    (tmp_path / "changelog-master.xml").write_text('<databaseChangeLog><include file="a/1.sql"/></databaseChangeLog>')
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.sql").write_text("--liquibase formatted sql\n--changeset a:1\nselect 1;\n")
    assert ran(load_project(["."], cwd=tmp_path)) == ["select 1"]
