"""Sudoku: the kind, its symmetries, a solver, a generator, keys that are equal up to symmetry, and its recipe."""
