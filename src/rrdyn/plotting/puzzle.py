"""Puzzles of a dataset as a still picture: each question above its solution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.places import is_file
from rrdyn.data.folder import PuzzleSplit, open_split
from rrdyn.plotting import filmstrip, marks
from rrdyn.plotting.filmstrip import Strip, draw_cells
from rrdyn.plotting.options import PuzzleOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import Style

ACROSS = {"column": 4, "page": 5, "slide": 5}


def draw(inputs: PuzzleOptions, out: Output, style: Style) -> None:
    """Draw puzzles of a dataset folder, or the answer to one puzzle of a diag.npz."""
    if inputs.path.suffix == ".npz":
        filmstrip.draw(inputs, out, style)
        return
    for flag, value in (("--segments", inputs.segments), ("--film", inputs.film), ("--data", inputs.data)):
        if value:
            raise UsageError(
                f"{flag} is for a diag.npz", found=inputs.path, run=f"rrdyn plot puzzle DIAG.npz {flag} ..."
            )
    puzzles = open_split(inputs.path, inputs.split)
    chosen = _chosen(puzzles, inputs.idx, ACROSS[style.size])
    record = inputs.path / inputs.split / "dataset.json"
    plate = boards(puzzles, chosen, style)
    out.add(plate, f"puzzle_{inputs.path.resolve().name}_{inputs.split}", Path("figures"),
            inputs=[record] if is_file(record) else [], idx=chosen, dataset=puzzles.digest)  # fmt: skip


def _chosen(puzzles: PuzzleSplit, idx: Sequence[int], fit: int) -> list[int]:
    outside = [index for index in idx if not 0 <= index < len(puzzles)]
    if outside:
        raise UsageError(
            f"{puzzles.path} has no {puzzles.split} puzzle {outside[0]}", expected=f"0 to {len(puzzles) - 1}"
        )
    return list(idx) or [int(index) for index in puzzles.originals[:fit]]


def boards(puzzles: PuzzleSplit, chosen: Sequence[int], style: Style) -> Plate:
    """Questions and solutions of the chosen puzzles, with their difficulty where they have one."""
    across, blocks = marks.blocks_of(len(chosen), ACROSS[style.size])
    kind = puzzles.puzzle
    board = style.format.width / ACROSS[style.size] * kind.height / kind.width
    figure = style.figure(0.45 + blocks * 2 * (board / (style.scale if style.size == "slide" else 1) + 0.25))
    axes = figure.subplots(2 * blocks, ACROSS[style.size], squeeze=False)
    for ax in axes.flat:
        ax.set_visible(False)
    table = Table()
    for place, index in enumerate(chosen):
        block, column = divmod(place, across)
        strip = _strip(puzzles, index)
        solution = np.where(strip.label >= 0, strip.label, strip.given)
        _board(axes[2 * block, column], style, strip, strip.given, _title(puzzles, index))
        _board(axes[2 * block + 1, column], style, strip, solution, "solution")
        table.add(idx=index, cell=np.arange(len(solution)), question=strip.given, solution=solution)
    heading = f"{puzzles.name}, {puzzles.split} (n = {len(chosen)} of {len(puzzles):,})"
    marks.heading(figure, style, heading)
    return Plate(
        figure=figure,
        table=table,
        caption=f"Puzzles {', '.join(map(str, chosen))} of {puzzles.name} ({puzzles.split} split), each question above "
        "its solution."
        + (" The number is the difficulty: " + _meaning(puzzles) + "." if puzzles.difficulty is not None else ""),
        alt=f"{len(chosen)} {kind.name} boards of {kind.height} by {kind.width} cells and their solutions.",
    )


def _strip(puzzles: PuzzleSplit, index: int) -> Strip:
    return Strip(
        idx=index,
        given=np.asarray(puzzles.inputs[index], dtype=int),
        label=puzzles.answers(index),
        answers=np.empty((0, puzzles.puzzle.seq_len), dtype=int),
        puzzle=puzzles.puzzle,
    )


def _title(puzzles: PuzzleSplit, index: int) -> str:
    if puzzles.difficulty is None or not np.isfinite(puzzles.difficulty[index]):
        return str(index)
    return f"{index}: {puzzles.difficulty[index]:,.0f}"


def _meaning(puzzles: PuzzleSplit) -> str:
    """What the difficulty counts; files of others bring ratings of their own."""
    if puzzles.record.source != "generate":
        return "the rating in the file"
    return puzzles.puzzle.rating_meaning


def _board(ax: Axes, style: Style, strip: Strip, values: np.ndarray, title: str) -> None:
    ax.set_visible(True)
    draw_cells(ax, style, strip, values, np.zeros(values.size, dtype=bool))
    ax.set_title(title)
    ax.set(xlim=(0, strip.shape[1]), ylim=(strip.shape[0], 0), aspect="equal", xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set_visible(True)
