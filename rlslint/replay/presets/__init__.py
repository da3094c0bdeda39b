"""What exists before the first migration, as plain SQL that the same replay reads."""
