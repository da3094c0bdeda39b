"""rlslint: predicts from SQL migrations how PostgreSQL runs row-level-security policies."""

__version__ = "0.1.0"
