"""Fuzzing: mutated SQL in, findings or one clear error out, never anything else."""
