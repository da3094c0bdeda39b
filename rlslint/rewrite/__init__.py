"""Policies to quals: which policies apply to (relation, role, statement) and how they combine (rowsecurity.c)."""
