"""The catalog: frozen rows named as PostgreSQL's pg_* catalogs, the container that replay fills, and look-ups."""
