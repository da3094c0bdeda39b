"""Conditions over tables that no file creates: of two with the same words nothing is claimed."""

from __future__ import annotations

from pathlib import Path

from tests.command import rlslint

SQL = """
CREATE ROLE member NOLOGIN;
CREATE TABLE media (id int PRIMARY KEY, post_id int);
ALTER TABLE media ENABLE ROW LEVEL SECURITY;
GRANT SELECT, UPDATE ON media TO member;
CREATE POLICY own ON media FOR UPDATE TO member
  USING (EXISTS (SELECT 1 FROM posts WHERE posts.id = media.post_id AND posts.author = current_user))
  WITH CHECK (EXISTS (SELECT 1 FROM posts WHERE posts.id = media.post_id AND posts.author = current_user));
DROP POLICY own ON media;
CREATE POLICY theirs ON media FOR UPDATE TO member
  USING (EXISTS (SELECT 1 FROM posts WHERE posts.id = media.post_id AND posts.author = current_user))
  WITH CHECK (EXISTS (SELECT 1 FROM posts WHERE posts.id = media.post_id AND posts.author = current_user));
"""


def test_neither_weaker_nor_weakened(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(SQL, encoding="utf-8")
    done = rlslint("check", "schema.sql", "--select", "RLS303,RLS307", "--preset", "none", cwd=tmp_path)
    assert (done.status, done.out) == (0, "no findings in 1 file, 7 statements, 1 policy on 1 table\n")
    known = SQL.replace("CREATE TABLE media", "CREATE TABLE posts (id int, author text); CREATE TABLE media", 1)
    weaker = known[: known.rindex(" AND posts.author")] + "));\n"
    (tmp_path / "schema.sql").write_text(weaker, encoding="utf-8")
    done = rlslint("check", "schema.sql", "--select", "RLS303", "--preset", "none", cwd=tmp_path)
    assert "RLS303" in done.out
