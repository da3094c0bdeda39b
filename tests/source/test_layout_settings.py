"""Placeholders, properties, checkpoints and includes that a tool's own files set."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint.replay.replay import replay
from tests.source.test_layouts import project, ran

FORMATTED = "--liquibase formatted sql\n"
CASES = {
    "atlas: a checkpoint stands for what comes before it": (
        {
            "migrations/20240101_a.sql": "select 1;",
            "migrations/20240102_b.sql": "-- atlas:checkpoint\n\nselect 2;",
            "migrations/20240103_c.sql": "-- atlas:txmode none\n\nselect 3;",
            "migrations/atlas.sum": "h1:x\n20240101_a.sql h1:y\n",
        },
        ["select 2", "select 3"],
    ),
    "atlas: by name, not by number": (
        {"m/2.sql": "select 2;", "m/10.sql": "select 10;", "m/1.sql": "select 1;", "m/atlas.sum": "h1:x\n"},
        ["select 1", "select 10", "select 2"],
    ),
    "atlas: delimiters": (
        {
            "m/1.sql": "-- atlas:delimiter -- end\n\nselect 1;\n-- end\nselect 2;\n-- end\n",
            "m/2.sql": "-- atlas:delimiter \\n\\n\\n\n\nselect ';';\n\n\nselect 3;\n\n\n",
            "m/atlas.sum": "h1:x\n",
        },
        ["select 1", "select 2", "select ';'", "select 3"],
    ),
    "atlas: a folder of another tool's files": (
        {"m/1_a.up.sql": "select 1;", "m/1_a.down.sql": "select 9;", "m/atlas.sum": "h1:x\n"},
        ["select 1"],
    ),
    "liquibase: includes of every kind, in the root's order": (
        {
            "db/changelog-master.xml": """<databaseChangeLog><property name="word" value="1"/>
                <include file="changes/2.sql" relativeToChangelogFile="true"/><include file="db/changes/1.sql"/>
                <includeAll path="more" relativeToChangelogFile="true"/>
                <changeSet id="1" author="a"><sqlFile path="raw.sql" relativeToChangelogFile="true"/></changeSet>
                </databaseChangeLog>""",
            "db/changes/1.sql": FORMATTED + "--changeset a:1\nselect ${word};\n--rollback select 9;",
            "db/changes/2.sql": FORMATTED
            + "--changeset a:2 dbms:mysql\nselect 8;\n--changeset a:3 endDelimiter:/ \nselect 2\n/\n",
            "db/more/b.sql": FORMATTED + "--changeset a:4 runInTransaction:false\nselect 4;",
            "db/more/a.sql": FORMATTED + "--changeset a:5 splitStatements:false\nselect 3;",
            "db/raw.sql": "select 5;",
        },
        ["select 2", "select 1", "select 3", "select 4", "select 5"],
    ),
    "liquibase: YAML below YAML": (
        {
            "res/db/changelog/db.changelog-master.yaml": """databaseChangeLog:
  - include: {file: db/changelog/v1/changelog.yaml}
  - includeAll: {path: db/changelog/v2}
""",
            "res/db/changelog/v1/changelog.yaml": """databaseChangeLog:
  - include: {file: 001.sql, relativeToChangelogFile: true}
""",
            "res/db/changelog/v1/001.sql": FORMATTED + "--changeset a:1\nselect 1;\n",
            "res/db/changelog/v2/002.sql": FORMATTED
            + "--changeset a:2\nselect 2;\n/* liquibase rollback\nselect 9;\n*/\n",
        },
        ["select 1", "select 2"],
    ),
    "liquibase: properties of a formatted file": (
        {
            "changelog/root.sql": FORMATTED
            + "--property name:one value:app\n--property name=two value=other dbms:postgresql\n--changeset x:1\n"
            + "select 1 as ${one};\nselect 2 as ${two};"
        },
        ["select 1 as app", "select 2 as other"],
    ),
    "flyway: placeholders of flyway.conf": (
        {
            "sql/V1__a.sql": "select 1 as ${name}, '${flyway:defaultSchema}';",
            "flyway.conf": "flyway.placeholders.name=app\nflyway.schemas=core,more\n",
        },
        ["select 1 as app, 'core'"],
    ),
    "liquibase: SQL in XML": (
        {
            "db/changelog-master.xml": """<databaseChangeLog>
  <!-- <sql>select 8;</sql> -->
  <include file="db/more.xml"/>
  <changeSet id="1" author="a">
    <preConditions><sqlCheck expectedResult="0">select 9</sqlCheck></preConditions>
    <createTable tableName="t"/>
    <sql splitStatements="false"><comment>first</comment>select 1 where 1 &lt;= 2 and 3 &lt;&gt; '{}'::json -&gt;&gt; 'a';</sql>
    <sql dbms="oracle">select 9;</sql>
    <rollback><sql>select 9;</sql></rollback>
  </changeSet>
  <changeSet id="2" author="a" dbms="h2"><sql>select 9;</sql></changeSet>
  <changeSet id="3" author="a">
    <sql endDelimiter="/"><![CDATA[
      select 2 where 1 < 2 and 'a' <> '&lt;'
      /
      select ${word}
    ]]></sql>
    <createProcedure>create function f() returns int language sql as 'select 1'</createProcedure>
    <sqlFile path="db/last.sql"/>
  </changeSet>
</databaseChangeLog>""",
            "db/more.xml": """<databaseChangeLog><property name="word" value="3"/>
<changeSet id="0" author="a"><sql>select 0</sql></changeSet></databaseChangeLog>""",
            "db/last.sql": "select 4",
        },
        [
            "select 0",
            "select 1 where 1 <= 2 and 3 <> '{}'::json ->> 'a'",
            "select 2 where 1 < 2 and 'a' <> '&lt;'",
            "select 3",
            "create function f() returns int language sql as 'select 1'",
            "select 4",
        ],
    ),
    "liquibase: SQL in YAML": (
        {
            "db/changelog.yaml": """databaseChangeLog:
  - changeSet:
      id: 1
      author: a
      changes:
        - sql:
            sql: |
              select 1;
              select 2;
        - sql: {dbms: oracle, sql: select 9}
        - sql:
            sql: "select 3"
        - createProcedure:
            procedureBody: >
              create function f() returns int
              language sql as 'select 1';
  - changeSet: {id: 2, author: a, dbms: mysql, changes: [{sql: {sql: select 9}}]}
""",
        },
        [
            "select 1",
            "select 2",
            "select 3",
            "create function f() returns int language sql as 'select 1'",
        ],
    ),
    "flyway: brackets of its own": (
        {
            "sql/V1__a.sql": "select 1 as #[name], '${name}';",
            "flyway.toml": '[flyway]\nplaceholderPrefix = "#["\nplaceholderSuffix = "]"\n[flyway.placeholders]\nname = "app"\n',
        },
        ["select 1 as app, '${name}'"],
    ),
    "flyway: no replacement": (
        {
            "sql/V1__a.sql": "select '${name}';",
            "flyway.conf": "flyway.placeholderReplacement=false\nflyway.placeholders.name=app\n",
        },
        ["select '${name}'"],
    ),
    "flyway: in Spring's YAML": (
        {
            "src/main/resources/db/migration/V1__a.sql": "select 1 as ${one}, 2 as ${two}, '${flyway:defaultSchema}';",
            "src/main/resources/application.yml": """spring:
  flyway:
    default-schema: core
    placeholders: {one: app, two: "${OTHER:shop}"}
""",
        },
        ["select 1 as app, 2 as shop, 'core'"],
    ),
    "flyway: in Spring's properties": (
        {
            "src/main/resources/db/migration/V1__a.sql": "select 1 as ${one};",
            "src/main/resources/application.properties": "server.port=1\nspring.flyway.placeholders.one=app\n",
        },
        ["select 1 as app"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_runs(tmp_path: Path, name: str) -> None:
    files, expected = CASES[name]
    (tmp_path / ".git").mkdir()
    found = project(tmp_path, files)
    assert expected == [" ".join(text.split()) for text in ran(found)]
    assert [] == [problem for migration in found.migrations for problem in migration.problems]


def test_sql_of_a_changelog_has_its_own_place(tmp_path: Path) -> None:
    text = (
        "<databaseChangeLog><changeSet>\n  <sql>select 1 &lt; 2;\n    select 3</sql>\n</changeSet></databaseChangeLog>"
    )
    found = project(tmp_path, {"db/changelog.xml": text})
    (migration,) = found.migrations
    assert [one.span.source.position(one.span.start) for one in migration.statements] == [(2, 8), (3, 5)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flyway.conf", "flyway.schemas=Core,more\n"),
        ("flyway.toml", '[flyway]\ndefaultSchema = "Core"\n'),
        ("application.yml", "spring:\n  flyway:\n    default-schema: ${SCHEMA:Core}\n"),
    ],
)
def test_the_default_schema_of_flyway_is_made_and_searched_first(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / ".git").mkdir()
    sql = "create table t (id int primary key); create table public.u (id int references t);"
    found = replay(project(tmp_path, {"db/V1__a.sql": sql, name: text}))
    catalog = found.catalog
    assert [catalog.qualified_name(row) for row in catalog.relations if row.origin is not None] == [
        "Core.t",
        "public.u",
    ]
    assert found.problems == []


def test_an_unknown_default_schema_of_flyway_is_none(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    files = {"db/V1__a.sql": "select '${flyway:defaultSchema}'", "flyway.conf": "flyway.defaultSchema=${env.SCHEMA}\n"}
    assert ran(project(tmp_path, files)) == ["select 'public'"]
