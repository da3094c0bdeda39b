"""Blocks that data may leave early, or end in an error: what is certain is followed, the rest is said.

The server's tables hold what makes the uncertain part go the way that is named; replay must not say otherwise than it
would be with other rows.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.replay.both import policies, replayed, server_policies

pytestmark = pytest.mark.server

SETUP = "CREATE TABLE t (id int PRIMARY KEY, note text NOT NULL);"
LEAVES = {
    "return": """
IF EXISTS (SELECT FROM t) THEN RETURN; END IF;
CREATE POLICY after ON t USING (true);""",
    "return in a loop": """
CREATE POLICY before ON t USING (true);
FOR r IN SELECT * FROM t LOOP RETURN; END LOOP;
CREATE POLICY after ON t USING (true);""",
    "exit": """
FOR i IN 1..3 LOOP
    EXECUTE format('CREATE POLICY %I ON t USING (true)', 'p' || i);
    EXIT WHEN EXISTS (SELECT FROM t);
    EXECUTE format('CREATE POLICY %I ON t USING (true)', 'after' || i);
END LOOP;
CREATE POLICY last ON t USING (true);""",
    "continue": """
FOR i IN 1..2 LOOP
    CONTINUE WHEN EXISTS (SELECT FROM t);
    CREATE POLICY after ON t USING (true);
END LOOP;
CREATE POLICY last ON t USING (true);""",
    "out of a labelled block": """
<<whole>> BEGIN
    IF EXISTS (SELECT FROM t) THEN EXIT whole; END IF;
    CREATE POLICY after ON t USING (true);
END;
CREATE POLICY last ON t USING (true);""",
    "inner loops are left alone": """
IF EXISTS (SELECT FROM t) THEN
    LOOP EXIT; END LOOP;
    <<inner>> FOR i IN 1..2 LOOP CONTINUE inner; END LOOP;
END IF;
CREATE POLICY last ON t USING (true);""",
    "a check that an error comes": """
BEGIN
    INSERT INTO t VALUES (1, 'twice');
    RAISE EXCEPTION 'no error came';
EXCEPTION WHEN unique_violation THEN NULL;
END;
CREATE POLICY last ON t USING (true);""",
    "a flag that a handler sets": """
BEGIN
    INSERT INTO t VALUES (1, 'twice');
EXCEPTION WHEN unique_violation THEN caught := true;
END;
IF NOT caught THEN RAISE EXCEPTION 'no error came'; END IF;
CREATE POLICY last ON t USING (true);""",
    "an error of its own is told apart": """
BEGIN
    INSERT INTO t VALUES (1, 'twice');
    RAISE EXCEPTION 'no error came';
EXCEPTION WHEN OTHERS THEN
    IF SQLERRM = 'no error came' THEN RAISE; END IF;
END;
CREATE POLICY last ON t USING (true);""",
    "what is sure still raises": """
BEGIN
    BEGIN
        CREATE POLICY undone ON t USING (true);
        RAISE EXCEPTION 'sure' USING ERRCODE = '22023';
    EXCEPTION WHEN undefined_table THEN NULL;
    END;
EXCEPTION WHEN invalid_parameter_value THEN
    CREATE POLICY last ON t USING (true);
END;""",
}


@pytest.mark.parametrize("name", LEAVES)
def test_as_if_left(connection: psycopg.Connection[Any], name: str) -> None:
    sql = f"DO $$ DECLARE r record; caught bool := false; BEGIN {LEAVES[name]} END $$;"
    connection.execute("DROP TABLE IF EXISTS t")
    connection.execute(f"{SETUP} INSERT INTO t VALUES (1, 'x'); {sql}".encode())
    result = replayed(SETUP + sql)
    assert [step.error for step in result.steps if step.error] == []
    assert policies(result.catalog) == server_policies(connection)


@pytest.mark.parametrize("name", ["return", "return in a loop", "exit", "continue", "out of a labelled block"])
def test_what_may_not_run_is_said(name: str) -> None:
    result = replayed(f"{SETUP} DO $$ DECLARE r record; BEGIN {LEAVES[name]} END $$;")
    assert [one.reason for one in result.problems if "after" in one.reason and "not followed" in one.reason] != []


def test_steps_of_what_is_rolled_back_are_no_steps() -> None:
    result = replayed(f"""{SETUP}
    DO $$ BEGIN CREATE POLICY p ON t USING (true); RAISE EXCEPTION 'no'; END $$;
    DO $$ BEGIN
        BEGIN CREATE POLICY q ON t USING (true); RAISE EXCEPTION 'no'; EXCEPTION WHEN raise_exception THEN NULL; END;
        CREATE POLICY r ON t USING (true);
    END $$;""")
    assert [one.statement.kind for one in result.steps] == ["CreateStmt", "DoStmt", "CreatePolicyStmt", "DoStmt"]
