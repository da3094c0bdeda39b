"""Speed, measured side by side: `python -m tests.bench` (never part of the tests, for a busy machine proves nothing)."""
