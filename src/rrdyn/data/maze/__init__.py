"""Mazes: the kind, its symmetries, shortest paths, a generator and its recipe."""
