"""Statements to catalog: one handler a DDL statement (PostgreSQL's commands/), DO blocks followed statically, presets."""
