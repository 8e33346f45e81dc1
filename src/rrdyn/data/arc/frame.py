"""Grids as rows of tokens in a frame: 0 around the grid, 1 along its right and lower edge, colours from 2 on."""

from __future__ import annotations

import numpy as np

END, FIRST = 1, 2
"""The token of the edge, and that of colour 0."""


def put(frame: np.ndarray, grid: np.ndarray, row: int = 0, column: int = 0) -> None:
    """Write a grid (h, w) of colours with its edge into an empty frame (H, W), its corner at `row`, `column`."""
    height, width = grid.shape
    bottom, right = row + height, column + width
    np.add(grid, FIRST, out=frame[row:bottom, column:right], casting="unsafe")
    if bottom < frame.shape[0]:
        frame[bottom, column:right] = END
    if right < frame.shape[1]:
        frame[row:bottom, right] = END


def framed(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    """Tokens (height * width,) uint8 of a grid in the upper left corner."""
    frame = np.zeros((height, width), dtype=np.uint8)
    put(frame, grid)
    return frame.ravel()


def cropped(tokens: np.ndarray, height: int, width: int) -> list[np.ndarray]:
    """The grid (h, w) uint8 that each of the rows (N, L) shows: the largest rectangle of colours at the upper left.

    Of rectangles of one size the flattest; 0 x 0 where the first cell is no colour.
    """
    frames = np.asarray(tokens).reshape(-1, height, width)
    filled = np.logical_and.accumulate((frames >= FIRST) & (frames < FIRST + 10), axis=2).sum(axis=2)
    widths = np.minimum.accumulate(filled, axis=1)  # (N, H): the widest rectangle of so many rows
    areas = widths * np.arange(1, height + 1)
    rows = areas.argmax(axis=1)
    return [
        (frame[: row + 1, : wide[row]] - FIRST).astype(np.uint8) if wide[row] else np.zeros((0, 0), dtype=np.uint8)
        for frame, row, wide in zip(frames, rows, widths)
    ]
