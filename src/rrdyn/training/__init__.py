"""The training loop, trajectory augmentation, optimisers, exact resume."""
