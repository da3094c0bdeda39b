"""How each migration tool lays its files out: which files, in which order, which part of each runs when migrating up."""
