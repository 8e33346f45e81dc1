"""ARC: grids of colours of any size in a frame of 30 x 30."""
