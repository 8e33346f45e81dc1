"""Puzzles in the published folder format: Sudoku, maze, generators, symmetries, the sampler."""
