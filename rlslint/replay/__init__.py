"""Statements to catalog: a handler for each DDL statement (commands/), DO blocks followed statically, presets."""
