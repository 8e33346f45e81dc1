"""What became of each puzzle: shares over the segments, the flow to the horizon, multipliers, return distances."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.text import Annotation

from rrdyn.analysis.fate_steps import by_run
from rrdyn.analysis.fates import FateTable, flow, of_result, over_segments, read_fates, sentences
from rrdyn.analysis.labelled import labelled
from rrdyn.analysis.puzzles import tags
from rrdyn.artifacts.arrays import array_names
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.places import shown
from rrdyn.plotting import marks
from rrdyn.plotting.fate_steps import checkpoints
from rrdyn.plotting.options import FatesOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import FATES, Style

SIDES = ("wrong", "right")
K = TypeVar("K", bound=Hashable)
FLOOR = -8.0
"""log10 of return distances below which maps are of one colour: some float32 roundings."""


def names(path: Path) -> list[str]:
    """The pictures that a fate.npz alone allows, by their short names."""
    return ["segments", "flow", *(["multipliers"] if "multiplier_re" in array_names(path) else [])]


def draw(inputs: FatesOptions, out: Output, style: Style) -> None:
    """Draw `fates_<tag>_<name>` for every name that there are numbers for; of several files `fates_training`."""
    if len(inputs.paths) > 1:
        if inputs.returns is not None:
            raise UsageError("--returns goes with one fate.npz", found=f"{len(inputs.paths)} files")
        out.add(checkpoints(by_run(inputs.paths), style), "fates_training", inputs.paths[0].parent,
                inputs=list(inputs.paths))  # fmt: skip
        return
    (path,) = inputs.paths
    whole = read_fates(path)
    artifact, _ = labelled(whole)
    table = of_result(artifact.arrays, artifact.meta)
    plates = {"segments": segments(artifact, table, style), "flow": flows(table, style)}
    sources = {name: [path] for name in plates}
    if "multiplier_re" in artifact:
        plates["multipliers"], sources["multipliers"] = multipliers(artifact, style), [path]
    if inputs.returns is not None:
        plates["returns"] = maps(artifact, _returns(inputs.returns), inputs.examples, style)
        sources["returns"] = [path, inputs.returns]
    tag = tags([path])[0]
    for name, plate in plates.items():
        out.add(plate, f"fates_{tag}_{name}", path.parent, inputs=sources[name], short=name)


def segments(artifact: Artifact, table: FateTable, style: Style) -> Plate:
    """Stacked shares of fates over the segments, of the wrong and of the right at the budget."""
    figure = style.figure(3.6 if style.size == "column" else 2.6)
    panels = figure.subplots(2, 1, sharex=True) if style.size == "column" else figure.subplots(1, 2, sharey=True)
    drawn, labels = Table(), []
    right = artifact["right_budget"].astype(bool)
    for ax, side, rows in zip(panels, SIDES, (~right, right)):
        n = int(rows.sum())
        ax.set_title(f"{side} at segment {table.budget} (n = {n:,})")
        ax.set_ylim(0, 1)
        if n == 0:
            marks.empty(ax, style, "none")
            ax.set_xlim(0, table.horizon)
            continue
        shares = over_segments({key: artifact[key][rows] for key in ("fate", "settled_at")}, table.fates, table.horizon)
        labels.append(_stacked(ax, style, shares, side, drawn))
        budget = marks.rule(ax, style, x=table.budget, dashed=True)
        budget.set(zorder=3, color=style.ink, path_effects=marks.cased(style, budget.get_linewidth()))
    panels[0].set_ylabel("share of puzzles")
    for ax in panels[-1:] if style.size == "column" else panels:
        ax.set_xlabel("segments")
    marks.spread(figure, labels)
    return Plate(
        figure=figure, table=drawn,
        caption=f"Fates over the segments (stacked shares, n = {table.n}): on a fixed point or cycle since the segment "
        "at which it settled; paler: on its way there; the other fates hold throughout. Dashed: the training "
        f"budget. {' '.join(f'{line[:1].upper()}{line[1:]}.' for line in sentences(table).splitlines())}",
        alt="Stacked shares of fates over segments, for puzzles wrong and right at the budget",
    )  # fmt: skip


def _stacked(ax: Axes, style: Style, shares: Mapping[str, np.ndarray], side: str, drawn: Table) -> list[Annotation]:
    below, ends = np.zeros(len(next(iter(shares.values())))), []
    x = np.arange(len(below))
    for name, share in shares.items():
        fate = name.removesuffix(", not yet")
        shade = style.fate(fate)
        ax.fill_between(x, below, below + share, color=shade, alpha=0.35 if fate != name else 0.9, lw=0, step="post")
        drawn.add(panel=side, band=name, segment=x, share=share)
        if share[-1] > 0:
            ends.append((x[-1], float(below[-1] + share[-1] / 2), f"{fate} {share[-1]:.0%}", shade))
        below = below + share
    ax.set_xlim(0, x[-1])
    return marks.label_ends(ax, style, ends)


def flows(table: FateTable, style: Style) -> Plate:
    """From wrong and right at the budget to each fate, and whether it is right there."""
    figure = style.figure(3.4)
    ax = figure.subplots()
    rows, drawn = flow(table), Table()
    ends = [(name, right) for right in (0, 1) for name in FATES if any(r[1] == name and r[2] == right for r in rows)]
    order = sorted(rows, key=lambda row: (row[0], ends.index((row[1], row[2]))))
    gap = 0.03 * table.n
    left = _places(SIDES, {SIDES[k]: sum(r[3] for r in rows if r[0] == k) for k in (0, 1)}, gap)
    right = _places(ends, {end: sum(r[3] for r in rows if (r[1], r[2]) == end) for end in ends}, gap)
    at_left, at_right = ({key: low for key, (low, _) in places.items()} for places in (left, right))
    for begins, name, stays, count in order:
        side, end = SIDES[begins], (name, stays)
        _band(ax, at_left[side], at_right[end], count, style.fate(name))
        at_left[side] += count
        at_right[end] += count
        drawn.add(at_budget=side, fate=name, at_end=SIDES[stays], puzzles=count)
    for places, x, shade in ((left, -0.03, None), (right, 1.0, "end")):
        for key, (low, high) in places.items():
            inked = style.soft if shade is None else style.fate(key[0])
            ax.add_patch(Rectangle((x, low), 0.03, high - low, color=inked, lw=0))
    for key, (low, high) in left.items():
        ax.text(-0.05, (low + high) / 2, f"{key}\n{high - low:,.0f}", ha="right", va="center")
    words = [(1.05, (low + high) / 2, f"{name}, {SIDES[stays]} {high - low:,.0f}", style.fate(name))
             for (name, stays), (low, high) in right.items()]  # fmt: skip
    tallest = max(high for _, high in [*left.values(), *right.values()])
    ax.set_xlim(-0.03, 1.03)
    ax.set_ylim(0, tallest)
    ax.set_axis_off()
    ax.set_title(f"segment {table.budget} to {table.horizon} (n = {table.n:,})")
    marks.spread(figure, [marks.label_ends(ax, style, words)])
    return Plate(
        figure=figure, table=drawn,
        caption=f"From the budget (left: wrong and right at segment {table.budget}) to what became of each puzzle "
        f"within {table.horizon} segments (right: its fate, and whether its answer is right there). Band heights are "
        "numbers of puzzles. A band from wrong to right was out of time; one from right to wrong is lost.",
        alt="Flow of puzzles from wrong or right at the budget to their fates",
    )  # fmt: skip


def _places(keys: Sequence[K], sizes: Mapping[K, int], gap: float) -> dict[K, tuple[float, float]]:
    """Where each key's bar begins and ends, one above the other."""
    low, found = 0.0, {}
    for key in keys:
        if sizes[key]:
            found[key] = (low, low + sizes[key])
            low += sizes[key] + gap
    return found


def _band(ax: Axes, left: float, right: float, height: float, shade: str) -> None:
    codes = [Outline.MOVETO, *[Outline.CURVE4] * 3, Outline.LINETO, *[Outline.CURVE4] * 3, Outline.CLOSEPOLY]
    points = [(0, left), (0.5, left), (0.5, right), (1, right), (1, right + height), (0.5, right + height),
              (0.5, left + height), (0, left + height), (0, left)]  # fmt: skip
    ax.add_patch(PathPatch(Outline(points, codes), facecolor=shade, alpha=0.45, lw=0))


def multipliers(artifact: Artifact, style: Style) -> Plate:
    """The leading eigenvalues of one period in the complex plane, with the unit circle."""
    figure = style.figure(3.4)
    ax = figure.subplots()
    drawn, keys = Table(), []
    names, fate, right = artifact.meta["fates"], artifact["fate"], artifact["right_end"].astype(bool)
    values = artifact["multiplier_re"] + 1j * artifact["multiplier_im"]
    ax.add_patch(Circle((0, 0), 1, fill=False, color=style.soft, lw=0.8 * style.scale, ls=(0, (4, 3)), zorder=0))
    for name in ("fixed", "cycle"):
        for side, rows in (("wrong", ~right), ("right", right)):
            mine = (fate == names.index(name)) & rows & np.isfinite(values).any(1)
            if not mine.any():
                continue
            found = values[mine]
            known = np.isfinite(found)
            filled = side == "right"
            shade = style.fate(name)
            ax.scatter(found[known].real, found[known].imag, s=9 * style.scale**2, marker="o" if filled else "s",
                       facecolors=shade if filled else "none", edgecolors=shade, linewidths=0.6 * style.scale,
                       alpha=0.6, label=f"{name}, {side} ({mine.sum():,})")  # fmt: skip
            keys.append((name, side))
            puzzle = np.broadcast_to(artifact["idx"][mine][:, None], found.shape)
            drawn.add(fate=name, at_end=side, idx=puzzle[known], real=found[known].real, imag=found[known].imag)
    known = values[np.isfinite(values)]
    if keys:
        reach = 1.12 * max(1.0, float(np.abs(np.concatenate([known.real, known.imag])).max()))
        figure.legend(loc="outside upper left", ncols=2, frameon=False, handletextpad=0.2, borderpad=0.1)
    else:
        reach = 1.12
        marks.empty(ax, style, "no fixed point or cycle\nwas refined")
        drawn.add(fate="none", at_end="", idx=-1, real=np.nan, imag=np.nan)
    marks.rule(ax, style, x=0.0)
    marks.rule(ax, style, y=0.0)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.set_xlabel("real part")
    ax.set_ylabel("imaginary part")
    largest = np.nanmax(np.abs(values), axis=1, initial=0.0)
    settled = np.isfinite(values).any(1)
    outside = int((largest[settled] > 1).sum())
    return Plate(
        figure=figure, table=drawn,
        caption=f"Leading eigenvalues of one period of {int(settled.sum())} fixed points and cycles refined in "
        f"float64, {values.shape[1]} of each, with the unit circle (dashed): inside it attracts. {outside} have one "
        "outside. Near +1 a fold, near -1 a flip, a pair near the circle a Neimark-Sacker bifurcation.",
        alt="Multipliers in the complex plane with the unit circle",
    )  # fmt: skip


def _returns(path: Path) -> Artifact:
    """A file with return distances (N,T,P)."""
    artifact = read_npz(path)
    if "return_distance" not in artifact or artifact["return_distance"].ndim != 3 or "idx" not in artifact:
        raise InputError(f"{shown(path)} has no return distances over segments", expected="a rollout.npz or diag.npz",
                         run="rrdyn rollout CKPT --segments 128")  # fmt: skip
    return artifact


def maps(artifact: Artifact, returns: Artifact, examples: int, style: Style) -> Plate:
    """Return distances of one puzzle of each fate, right and wrong, over segments and periods."""
    chosen = _examples(artifact, returns, examples)
    if not chosen:
        raise InputError(f"{shown(returns.path)} and {shown(artifact.path)} have no puzzle in common",
                         run="rrdyn rollout CKPT and rrdyn fate CKPT with the same --n and --seed")  # fmt: skip
    across, blocks = marks.blocks_of(len(chosen), style.format.panels)
    figure = style.figure(1.45 * blocks + 0.5)
    panels = figure.subplots(blocks, across, squeeze=False, sharex=True, sharey=True)
    drawn = Table()
    series = returns["return_distance"]
    for ax, (row, place, words) in zip(panels.flat, chosen):
        with np.errstate(divide="ignore"):
            shown_ = np.clip(np.log10(series[place].astype(float)), FLOOR, 0)  # (T,P)
        T, P = shown_.shape
        image = ax.imshow(shown_.T, aspect="auto", origin="lower", cmap="viridis", vmin=FLOOR, vmax=0,
                          extent=(0.5, T + 0.5, 0.5, P + 0.5), interpolation="nearest")  # fmt: skip
        ax.set_title(words)
        t, p = (grid.ravel() for grid in np.meshgrid(np.arange(1, T + 1), np.arange(1, P + 1), indexing="ij"))
        drawn.add(idx=int(artifact["idx"][row]), segment=t, period=p, log10_return_distance=shown_.ravel())
    marks.name_axes(panels, len(chosen), "segments", "segments back")
    bar = figure.colorbar(image, ax=panels, shrink=0.8, pad=0.02)
    bar.set_label("log10 return distance")
    bar.outline.set_visible(False)
    return Plate(
        figure=figure, table=drawn,
        caption="How near the state is to where it was p segments before, over the largest norm it has had (log10, "
        f"{FLOOR:g} and less in one colour), for one puzzle of each fate. A fixed point darkens at every p, a cycle at "
        "multiples of its period, a torus comes near and leaves again.",
        alt="Return distance maps of " + "; ".join(words.replace("\n", " ") for _, _, words in chosen),
    )  # fmt: skip


def _examples(artifact: Artifact, returns: Artifact, most: int) -> list[tuple[int, int, str]]:
    """(row of the fates, row of the return distances, title) of the first puzzle of each fate and outcome."""
    places = {int(idx): place for place, idx in enumerate(returns["idx"])}
    found: dict[tuple[int, int, bool], tuple[int, int, str]] = {}
    for row, idx in enumerate(artifact["idx"]):
        if int(idx) not in places:
            continue
        code, period, right = int(artifact["fate"][row]), int(artifact["period"][row]), bool(artifact["right_end"][row])
        name = artifact.meta["fates"][code] + (f" of {period}" if period > 1 else "")
        words = f"{name}\n{SIDES[right]} (puzzle {idx})"
        found.setdefault((code, min(period, 3), right), (row, places[int(idx)], words))
    return [found[key] for key in sorted(found)][:most]
