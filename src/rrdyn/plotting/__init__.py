"""One file per figure family, drawn from artifacts on disk. No torch."""
