"""Parse trees to resolved expressions: names, types, functions and operators as PostgreSQL's parser/ finds them."""
