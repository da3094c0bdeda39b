"""Two conditions in, whether every row that passes the one passes the other out: proved, refuted with a row, or unknown."""
