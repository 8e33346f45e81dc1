"""A puzzle's answer over the segments, one small board a segment, wrong cells marked; as a still or as a film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.schemas import DIAG
from rrdyn.data.drawing import Drawing
from rrdyn.data.puzzle import Puzzle
from rrdyn.plotting import marks
from rrdyn.plotting.options import PuzzleOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import Style

NUMBERED = (
    "#000000", "#0074d9", "#ff4136", "#2ecc40", "#ffdc00", "#aaaaaa", "#f012be", "#ff851b", "#7fdbff", "#870c25",
)  # fmt: skip
"""Colours 0 to 9 as the testing interface of fchollet/ARC-AGI shows them."""

MOST_LETTERS = 25
"""Side of the largest board that is no picture: its cells are letters."""


@dataclass(frozen=True)
class Strip:
    """One puzzle with its answers: tokens of the question, the solution and the answer after each segment."""

    idx: int
    given: np.ndarray  # (L,)
    label: np.ndarray  # (L,), negative where nothing is asked
    answers: np.ndarray  # (S, L)
    puzzle: Puzzle

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.puzzle.height, self.puzzle.width

    @property
    def wrong(self) -> np.ndarray:
        """(S, L) cells that are asked for and not answered with the solution."""
        return np.asarray((self.answers != self.label) & (self.label >= 0))


def draw(inputs: PuzzleOptions, out: Output, style: Style) -> None:
    """Draw the answer to one puzzle of a diag.npz; `film` adds a moving one."""
    if len(inputs.idx) > 1:
        raise UsageError("one puzzle at a time can be followed", found=f"--idx {' '.join(map(str, inputs.idx))}")
    idx = inputs.idx[0] if inputs.idx else None
    strip = read_strip(read_npz(inputs.path, DIAG), idx, inputs.data)
    shown = _chosen(inputs.segments, len(strip.answers), 8 if style.size != "column" else 6)
    name = "puzzle" if idx is None else f"puzzle_{idx}"
    plate = filmstrip(strip, shown, style)
    stem = out.add(plate, name, inputs.path.parent, inputs=[inputs.path], idx=strip.idx)
    if inputs.film is not None:
        out.add_film(_film(strip, style), stem, inputs.film)


def read_strip(artifact: Artifact, idx: int | None = None, data: Path | None = None) -> Strip:
    """The answers of one puzzle (the first wrong one by default) with its question from the dataset the file names."""
    from rrdyn.data.folder import open_split

    if "preds" not in artifact:
        raise InputError(f"{artifact.path} holds no answers", expected="preds (N, S, L)", run="rrdyn diagnose CKPT")
    known = artifact["idx"].astype(int).tolist()
    if not known or not artifact["preds"].shape[1]:
        raise InputError(f"{artifact.path} holds no answers", found=f"preds {artifact['preds'].shape}")
    wrong = np.flatnonzero(artifact["exact_correct"] == 0)
    chosen = known[int(wrong[0]) if wrong.size else 0] if idx is None else idx
    if chosen not in known:
        raise UsageError(f"{artifact.path} holds no puzzle {chosen}", expected=f"one of {known[:8]} …")
    dataset = artifact.meta.get("dataset")
    named = dataset if isinstance(dataset, dict) else {}
    folder = data or (Path(str(named["path"])) if named.get("path") else None)
    if folder is None:
        raise InputError(f"{artifact.path} does not name its dataset", expected="a dataset folder", run="--data FOLDER")
    split = open_split(folder, str(named.get("split") or "test"))
    answers = np.asarray(artifact["preds"][known.index(chosen)], dtype=int)
    if not 0 <= chosen < len(split) or answers.shape[1] != split.inputs.shape[1]:
        raise InputError(
            f"{folder} is not the dataset of {artifact.path}",
            found=f"{len(split)} puzzles of {split.inputs.shape[1]} cells",
            expected=f"puzzle {chosen} with {answers.shape[1]} cells",
        )
    return Strip(
        idx=chosen,
        given=np.asarray(split.inputs[chosen], dtype=int),
        label=split.answers(chosen),
        answers=answers,
        puzzle=split.puzzle,
    )


def _chosen(wanted: Sequence[int], total: int, fit: int) -> list[int]:
    """Segments to show, 1-based: those asked for, else the first ones and then ever fewer up to the last."""
    if wanted:
        bad = [segment for segment in wanted if not 1 <= segment <= total]
        if bad:
            raise UsageError(f"there is no segment {bad[0]}", expected=f"1 to {total}")
        return list(wanted)
    if total <= fit:
        return list(range(1, total + 1))
    return sorted({round(float(value)) for value in np.geomspace(1, total, fit)} | {total})


def filmstrip(strip: Strip, segments: Sequence[int], style: Style) -> Plate:
    """The question, the answer after some segments, the solution."""
    frames: list[str | int] = ["question", *segments, "solution"]
    across, blocks = marks.blocks_of(len(frames), 4 if style.size == "column" else 5)
    board = (
        style.format.width / across * strip.shape[0] / strip.shape[1] / (style.scale if style.size == "slide" else 1)
    )
    figure = style.figure(0.45 + blocks * (board + 0.28))
    grid = figure.subplots(blocks, across, squeeze=False)
    table = Table()
    for ax, frame in zip(grid.flat, frames):
        _board(ax, style, strip, frame, table)
    for ax in list(grid.flat)[len(frames) :]:
        ax.set_visible(False)
    last = int(strip.wrong[-1].sum())
    asked = int((strip.label >= 0).sum())
    marks.heading(figure, style, f"{strip.puzzle.name} {strip.idx}: answer over segments (n = {asked} cells asked)")
    return Plate(
        figure=figure,
        table=table,
        caption=f"Puzzle {strip.idx}: the answer after segments {', '.join(map(str, segments))}. Crossed cells are "
        f"wrong; bold letters are given. After segment {len(strip.answers)}, {last} of {asked} cells are wrong.",
        alt="Boards of the answer over segments; wrong cells: "
        + ", ".join(f"segment {s}: {int(strip.wrong[s - 1].sum())}" for s in segments),
    )


def _board(ax: Axes, style: Style, strip: Strip, frame: str | int, table: Table) -> None:
    rows, columns = strip.shape
    if isinstance(frame, int):
        values, wrong = strip.answers[frame - 1], strip.wrong[frame - 1]
        title = f"segment {frame}\n{int(wrong.sum())} wrong"
        table.add(frame=frame, cell=np.arange(values.size), token=values, wrong=wrong)
    else:
        values = strip.given if frame == "question" else np.where(strip.label >= 0, strip.label, strip.given)
        wrong, title = np.zeros(values.size, dtype=bool), f"{frame}\n"
        table.add(frame=frame, cell=np.arange(values.size), token=values, wrong=wrong)
    draw_cells(ax, style, strip, values, wrong)
    ax.set_title(title)
    ax.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set_visible(True)


def draw_cells(ax: Axes, style: Style, strip: Strip, values: np.ndarray, wrong: np.ndarray) -> None:
    """One board: tokens `values` (L,) as letters, or as a picture where it is large; cells in `wrong` (L,) crossed."""
    rows, columns = strip.shape
    size = 0.72 * 72 * style.format.width / (5.6 * max(rows, columns)) * (1.25 if style.size == "column" else 1.0)
    drawing = strip.puzzle.drawing(values, strip.given)
    letters = max(rows, columns) <= (12 if drawing.shades is not None else MOST_LETTERS)
    pictured = not letters or drawing.shades is not None
    if pictured:
        _picture(ax, style, strip.shape, drawing)
    for place, (letter, bold, bad) in enumerate(zip(drawing.letters, drawing.bold, wrong)):
        row, column = divmod(place, columns)
        if bad:
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor=style.wrong, alpha=0.35, linewidth=0))
            for ends in (([column, column + 1], [row, row + 1]), ([column, column + 1], [row + 1, row])):
                ax.plot(*ends, color=style.wrong, lw=0.35 * style.scale)
        if letters and letter:
            ax.text(column + 0.5, row + 0.53, letter, ha="center", va="center", fontsize=size,
                    weight="bold" if bold else "normal")  # fmt: skip
    if not pictured:
        high, wide = drawing.boxes or (rows, columns)
        for line in range(1, columns):
            ax.axvline(
                line, color=style.soft if line % wide == 0 else style.faint, lw=(0.8 if line % wide == 0 else 0.3)
            )
        for line in range(1, rows):
            ax.axhline(
                line, color=style.soft if line % high == 0 else style.faint, lw=(0.8 if line % high == 0 else 0.3)
            )


def _picture(ax: Axes, style: Style, shape: tuple[int, int], drawing: Drawing) -> None:
    """The ground of every cell: walls dark, the path blue, numbered colours those that ARC is known by."""
    from matplotlib.colors import to_rgb

    shades = {"wall": style.soft, "path": style.series(0), "start": style.correct, "goal": style.series(4)}
    shades |= {str(number): colour for number, colour in enumerate(NUMBERED)}
    grounds = drawing.shades or ("",) * len(drawing.letters)
    picture = np.array([to_rgb(shades.get(ground, style.ground)) for ground in grounds]).reshape(*shape, 3)
    ax.imshow(picture, extent=(0, shape[1], shape[0], 0), interpolation="nearest")


def _film(strip: Strip, style: Style) -> FuncAnimation:
    """The answer after every segment, one frame each."""
    figure = Figure(figsize=(3.2, 3.6), layout="constrained")
    ax = figure.subplots()

    def show(frame: int) -> list[Any]:
        ax.clear()
        _board(ax, style, strip, frame + 1, Table())
        return []

    return FuncAnimation(figure, show, frames=len(strip.answers), interval=400)
