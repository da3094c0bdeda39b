"""Findings to SQL that cures them: indexes, wrapped calls, missing policies, qualified names."""
