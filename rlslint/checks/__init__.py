"""One short file a rule, with the stem of its YAML in rules/: each reads facts and yields matches."""
