"""Text to statements: which files, in which order, which part of each, parsed, with places."""
