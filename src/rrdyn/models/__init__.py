"""The published recursive reasoners: layers, TRM, HRM, losses, checkpoints of every public layout."""
