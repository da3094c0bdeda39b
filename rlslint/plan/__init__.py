"""Quals to predicted plan: subplans, index matching, nested row security, growth (PostgreSQL's optimizer/)."""
