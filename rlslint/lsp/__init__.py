"""The language server: an unsaved migration in, diagnostics, plans, definitions and quick fixes out."""
