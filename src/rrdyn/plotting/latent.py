"""One trajectory in its principal plane, with what the plane leaves out."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.ticker import MaxNLocator

from rrdyn.analysis.principal import principal, random_walk
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.schemas import STATES
from rrdyn.plotting import marks
from rrdyn.plotting.options import LatentOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import Style


def draw(inputs: LatentOptions, out: Output, style: Style) -> None:
    """Draw one puzzle of a states.npz (the first by default)."""
    plate = plane(read_npz(inputs.states, STATES), style, inputs.idx, inputs.latent)
    name = "latent" if inputs.idx is None else f"latent_{inputs.idx}"
    out.add(plate, name, inputs.states.parent, inputs=[inputs.states], idx=inputs.idx, latent=inputs.latent)


def plane(artifact: Artifact, style: Style, idx: int | None = None, latent: str = "z_H") -> Plate:
    """One trajectory of a states.npz in its principal plane, and how much variance that plane holds."""
    known = artifact["idx"].astype(int).tolist()
    if not known:
        raise InputError(f"{artifact.path} holds no puzzle", run="rrdyn diagnose CKPT --save-states N")
    chosen = known[0] if idx is None else idx
    if chosen not in known:
        raise UsageError(f"{artifact.path} holds no puzzle {chosen}", expected="one of " + ", ".join(map(str, known)))
    states = artifact[latent][known.index(chosen)].astype(float)
    if len(states) < 3 or not np.isfinite(states).all():
        found = f"{len(states)} states" if np.isfinite(states).all() else "NaN or infinity among them"
        raise InputError(f"{artifact.path} holds no path of puzzle {chosen}", found=found, expected="3 finite states")
    coordinates, explained = principal(states.reshape(len(states), -1))
    expected = random_walk(len(states))
    stacked = style.size == "column"
    figure = style.figure(4.6 if stacked else 2.7)
    path_ax, scree = figure.subplots(2, 1, height_ratios=(2, 1)) if stacked else figure.subplots(1, 2)
    table = Table()
    _path(path_ax, style, coordinates, explained, table)
    _scree(scree, style, explained, expected, table)
    two, walk = float(explained[:2].sum()), float(expected[:2].sum())
    path_ax.set_title(
        f"puzzle {chosen}, ${latent}$: plane holds {_share(two)} of the variance\nn = {len(states)} states"
    )
    scree.set_title(f"variance by component\na random walk's plane: {walk:.0%}")
    return Plate(
        figure=figure,
        table=table,
        caption=f"Trajectory of {latent} for puzzle {chosen} over {len(states) - 1} segments in the plane of its "
        f"first two principal components, which hold {two:.1%} of its variance; {1 - two:.1%} lies outside. A "
        f"random walk of this length in many dimensions puts {walk:.1%} into its plane (and draws smooth curves "
        "there), so that a share near that value says nothing about the dimension of the dynamics.",
        alt=f"Path of one latent state through {len(states)} states in two principal components holding {two:.0%}.",
    )


def _path(ax: Axes, style: Style, coordinates: np.ndarray, explained: np.ndarray, table: Table) -> None:
    if coordinates.shape[1] < 2 or not explained.sum():
        marks.empty(ax, style, "the state does not move")
        return
    x, y = coordinates[:, 0], coordinates[:, 1]
    segments = np.arange(len(x))
    ax.plot(x, y, color=style.faint, lw=0.8 * style.scale, zorder=1)
    ax.scatter(x, y, c=segments, cmap=_over_segments(style), s=14 * style.scale**2, linewidths=0, zorder=2)
    shades = ScalarMappable(Normalize(0, len(x) - 1), _over_segments(style))
    bar = ax.figure.colorbar(shades, ax=ax, fraction=0.04, pad=0.02, ticks=MaxNLocator(integer=True))
    bar.set_label("segment")
    bar.outline.set_visible(False)
    middle = (x.min() + x.max()) / 2
    for place, words in ((0, "start"), (len(x) - 1, "end")):  # towards the middle, where there is room
        side, shift = ("right", -4) if x[place] > middle else ("left", 4)
        ax.annotate(words, (x[place], y[place]), xytext=(shift * style.scale, -9 * style.scale),
                    textcoords="offset points", ha=side, color=style.ink)  # fmt: skip
    ax.margins(0.12)
    ax.set_xlabel(f"component 1 ({explained[0]:.0%} of the variance)")
    ax.set_ylabel(f"component 2 ({explained[1]:.0%})")
    table.add(panel="path", segment=segments, component_1=x, component_2=y)


def _over_segments(style: Style) -> Colormap:
    """From the first segment to the last; without what cannot be told from a dark ground."""
    whole = colormaps["cividis"]
    return ListedColormap(whole(np.linspace(0.35, 1, 256))) if style.dark else whole


def _share(share: float) -> str:
    """In per cent; 100% only where nothing to speak of lies outside."""
    return f"{share:.1%}".replace("100.0%", "100%")


def _scree(ax: Axes, style: Style, explained: np.ndarray, expected: np.ndarray, table: Table) -> None:
    shown = min(10, explained.size, expected.size)
    x = np.arange(1, shown + 1)
    ax.bar(x, explained[:shown], color=style.series(0), width=0.7, linewidth=0)
    ax.plot(x, expected[:shown], color=style.ink, marker="_", ms=9 * style.scale, ls="", mew=1.2 * style.scale)
    marks.note(ax, style, "bars: this trajectory\ndashes: a random walk")
    ax.set_xticks(x)
    ax.set_ylim(0, max(float(explained[0]), float(expected[0])) * 1.25)
    ax.set_xlabel("component")
    ax.set_ylabel("share of variance")
    table.add(panel="variance", component=x, explained=explained[:shown], random_walk=expected[:shown])
