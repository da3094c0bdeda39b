"""Resolved expressions and queries, named as in PostgreSQL's primnodes.h and parsenodes.h. Data only."""
