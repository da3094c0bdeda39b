"""A project whose names try to write to terminals, logs, comments and pages."""

from __future__ import annotations

from pathlib import Path

NAMES = (
    "\x1b[31mred",
    "##[error]runner",
    "x\n::error file=a::command",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "--><b>bold</b>",
    "[link](https://evil.example)",
    "@everyone #1 www.evil.example",
    "``` fence",
    "]]> & \"quoted\" 'name'",
    "| cell",
    "100%0Aline",
    "\u202eright to left",
)
"""Of policies; U+202E turns the writing direction."""


def write(folder: Path) -> Path:
    """One migration with a table and a policy for every name, each of which is found; the suggestions hold the names."""
    lines = ["CREATE ROLE member NOLOGIN;"]
    for number, name in enumerate(NAMES):
        policy, table = ('"' + text.replace('"', '""') + '"' for text in (name, f"{number} {name}"))
        lines += [
            f"CREATE TABLE {table} (owner bigint);",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
            f"GRANT SELECT ON {table} TO member;",
            f"CREATE POLICY {policy} ON {table} FOR SELECT TO member",
            "USING (owner",
            "::text = current_setting('a",
            "::b'));",
        ]
    path = folder / "1_hostile.sql"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
