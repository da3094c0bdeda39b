"""Conditions to conditions that mean the same and run better, as edits of the author's text, each with its proof."""
