"""After a perturbed start: KL to the unperturbed run and mass on the right answer, a column per alpha."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize

from rrdyn.analysis.aggregate import calibrations, cell_table, cells_markdown
from rrdyn.analysis.pooling import Pool, crossing, mean_mass, pool, quantiles, rolling
from rrdyn.artifacts.cells import FILES, Cell, read_cells
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.plotting import marks
from rrdyn.plotting.options import PerturbationOptions, PerturbationView
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import Style

PERCENTS = (10, 25, 50, 75, 90)
RUN = "rrdyn perturb CKPT --calibrate-kl 1.0 --cells FOLDER"


def draw(inputs: PerturbationOptions, out: Output, style: Style) -> None:
    """Draw the cells of a folder, and write their table."""
    cells = chosen_cells(inputs.cells, inputs)
    name = "_".join(["perturbation", *(["kl_only"] * inputs.kl_only), *(["quantile_lines"] * inputs.quantile_lines)])
    files = [cell.path / file for cell in cells for file in FILES]
    view = inputs.model_dump(include=set(PerturbationView.model_fields))
    stem = out.add(perturbation(cells, inputs, style), name, inputs.cells, short=name.partition("_")[2],
                   inputs=files, view=view)  # fmt: skip
    table = cell_table(calibrations(inputs.cells))
    out.add_text(stem.parent / "table.csv", table.write_csv(), begins=b"model_short,")
    out.add_text(stem.parent / "table.md", cells_markdown(table) + "\n", begins=b"| model_short")
    out.told, out.text = {"table": table.to_dicts()}, cells_markdown(table)


def chosen_cells(root: Path | str, view: PerturbationView) -> list[Cell]:
    """The cells of one window and of the models asked for. Raises InputError where none is left."""
    cells = read_cells(root, view.window, view.model_contains)
    windows = sorted({cell.window for cell in cells})
    if not cells:
        asked = [f"window {view.window}"] * (view.window is not None) + [f"model {view.model_contains!r}"] * bool(
            view.model_contains
        )
        raise InputError(
            f"there are no cells under {root}",
            expected=" and ".join(asked) or "folders with " + ", ".join(FILES),
            run=RUN,
        )
    if len(windows) > 1:
        raise UsageError(
            "the cells have several windows", found=", ".join(map(str, windows)), run=f"--window {windows[-1]}"
        )
    return cells


def perturbation(cells: Sequence[Cell], view: PerturbationView, style: Style) -> Plate:
    """KL and mass on the right answer over time, a column per alpha."""
    alphas = _alphas(cells, view)
    pools = [pool(cells, alpha) for alpha in alphas]
    rows = 1 if view.kl_only else 2
    across, blocks = marks.blocks_of(len(pools), 2 if style.size == "column" else 5)
    by_mass = view.spaghetti and view.color_by_pmass
    figure = style.figure(0.75 + blocks * (0.35 + 1.35 * rows))
    grid = figure.subplots(blocks * rows, across, squeeze=False, sharex=True)
    table = Table()
    limits = _limits(pools, view)
    for place, here in enumerate(pools):
        block, column = divmod(place, across)
        top = grid[block * rows, column]
        _kl_panel(top, style, here, view, limits, table)
        top.set_title(f"$\\alpha$ = {here.alpha}\nn = {here.n:,} traj.")
        bottom = grid[block * rows + rows - 1, column]
        if rows == 2:
            _mass_panel(bottom, style, here, view, table)
            top.tick_params(labelbottom=False)
        bottom.set_xlabel(view.step)
        bottom.tick_params(labelbottom=True)
        for ax in {top, bottom}:
            ax.set_xlim(_first(view) - 0.5, limits[0])
            if view.mark_t is not None:
                ax.axvline(view.mark_t, color=style.soft, lw=0.8 * style.scale, ls=(0, (1, 1.5)), zorder=0)
            if column:
                ax.tick_params(labelleft=False)
        if column == 0:
            top.set_ylabel("KL to the clean\nrun (nats)")
            if rows == 2:
                bottom.set_ylabel("mass on the\nright answer")
    for place in range(len(pools), blocks * across):
        for row in range(rows):
            grid[(place // across) * rows + row, place % across].set_visible(False)
    if by_mass:
        bar = figure.colorbar(
            ScalarMappable(Normalize(0, 1), alive_colours(style)),
            ax=grid.ravel().tolist(),
            shrink=0.6,
            fraction=0.03,
            pad=0.02,
        )
        bar.set_label("mass on the right answer\n(0 dead, 1 alive)")
        bar.outline.set_visible(False)
    models = sorted({cell.model.split("/")[-1] for cell in cells if cell.model})
    marks.heading(
        figure, style, f"{', '.join(models) or 'all models'}: {len(cells)} cell{'s' * (len(cells) != 1)}; {_mode(view)}"
    )
    return Plate(
        figure=figure,
        table=table,
        caption=f"KL between perturbed and clean run after each {view.step}, for noise of alpha times the calibrated "
        f"scale ({len(cells)} cells, {', '.join(models)}). {_mode(view).capitalize()}. Solid line: the budget of "
        f"{view.budget:g} nat.{_beyond(pools, limits[1])}"
        + ("" if view.kl_only else " Below: mass on the right answer at the fork points."),
        alt=f"Panels for alpha {', '.join(alphas)}: KL over {view.step}s"
        + ("." if view.kl_only else ", and mass on the right answer below."),
    )


def _beyond(pools: Sequence[Pool], top: float) -> str:
    """How many trajectories leave the axis at its upper end, as a sentence; nothing where none does."""
    above = sum(int((here.kl > top).any(1).sum()) for here in pools)
    total = sum(here.n for here in pools)
    return f" The axis ends at {top:.3g} nats; {above} of {total} trajectories go beyond." if above else ""


def _alphas(cells: Sequence[Cell], view: PerturbationView) -> list[str]:
    there = sorted({alpha for cell in cells for alpha in cell.alphas}, key=float)
    if not view.alphas:
        return there
    spelled = {float(alpha): alpha for alpha in there}
    try:
        wanted = [float(alpha) for alpha in view.alphas]
    except ValueError:
        raise UsageError("--alphas takes numbers", found=" ".join(view.alphas)) from None
    missing = [f"{alpha:g}" for alpha in wanted if alpha not in spelled]
    if missing:
        raise UsageError(f"no cell holds alpha {', '.join(missing)}", expected="one of " + ", ".join(there))
    return [spelled[alpha] for alpha in wanted]


def _limits(pools: Sequence[Pool], view: PerturbationView) -> tuple[float, float]:
    """Right end and top shared by all panels: a little past the longest trajectory, and past the 99th percentile."""
    longest = max([1, *(here.length for here in pools)])
    window = max((here.kl.shape[1] for here in pools), default=longest)
    values = np.concatenate([np.zeros(0), *(here.kl[np.isfinite(here.kl) & (here.kl >= 0)] for here in pools)])
    top = min(view.kl_ymax, max(1e-3, float(np.percentile(values, 99)) * 1.4)) if values.size else 1.1 * view.budget
    return float(min(window, max(20, round(longest * 1.05)))) + _first(view) - 0.5, top


def _kl_panel(
    ax: Axes, style: Style, here: Pool, view: PerturbationView, limits: tuple[float, float], table: Table
) -> None:
    length = here.length
    ax.set_ylim(0, limits[1])
    if limits[1] >= view.budget:
        ax.axhline(view.budget, color=style.ink, lw=0.7 * style.scale, zorder=1.5)
    else:
        marks.note(ax, style, f"budget {view.budget:g} off-scale")
    if not length:
        marks.empty(ax, style, "no trajectory")
        return
    kl, alive = here.kl[:, :length], here.alive[:, :length]
    x = np.arange(length) + _first(view)
    if view.spaghetti:
        _spaghetti(ax, style, x, kl, alive, here.alpha, view, table)
        return
    bands = rolling(quantiles(kl, PERCENTS), view.roll)
    colour = style.series(0)
    p10, p25, p50, p75, p90 = bands
    ax.fill_between(x, p10, p90, color=colour, alpha=0.18 if view.quantile_lines else 0.25, lw=0)
    if view.quantile_lines:
        ax.fill_between(x, p25, p75, color=colour, alpha=0.32, lw=0)
    ax.plot(x, p50, color=style.text(colour), lw=view.median_lw * style.scale, zorder=3, clip_on=False)
    table.add(
        row="kl", alpha=here.alpha, kind="quantiles", n=here.n, step=x, p10=p10, p25=p25, p50=p50, p75=p75, p90=p90
    )


def _spaghetti(
    ax: Axes,
    style: Style,
    x: np.ndarray,
    kl: np.ndarray,
    alive: np.ndarray,
    alpha: str,
    view: PerturbationView,
    table: Table,
) -> None:
    smooth = rolling(kl, view.roll)
    opacity = view.line_alpha if view.line_alpha is not None else float(np.clip(20 / max(len(kl), 1), 0.15, 0.9))
    width = view.line_lw * style.scale
    crossed = crossing(kl, view.budget)
    if view.color_by_pmass and np.isfinite(alive).any():
        mean = mean_mass(alive)
        for row in np.argsort(-mean, kind="stable"):  # the living first, so that the dead lie on top
            points = np.column_stack([x, smooth[row]])
            if not np.isfinite(mean[row]):
                ax.plot(x, smooth[row], color=style.faint, lw=width, alpha=opacity)
                continue
            lines = LineCollection(
                list(np.stack([points[:-1], points[1:]], axis=1)),
                cmap=alive_colours(style),
                norm=Normalize(0, 1),
                linewidths=width * 1.6,
                alpha=opacity,
            )
            lines.set_array(alive[row, :-1])
            ax.add_collection(lines)
    else:
        for wanted, colour in ((False, style.faint), (True, style.wrong)):
            for row in np.flatnonzero(crossed == wanted):
                ax.plot(x, smooth[row], color=colour, lw=width, alpha=opacity)
    for row in range(len(kl)):
        table.add(
            row="kl",
            alpha=alpha,
            kind="trajectory",
            trajectory=row,
            step=x,
            value=smooth[row],
            crossed=bool(crossed[row]),
            mass=alive[row],
        )
    median = quantiles(smooth, (50,))[0]
    ax.plot(x, median, color=style.ink, lw=view.median_lw * style.scale)
    table.add(row="kl", alpha=alpha, kind="median", n=len(kl), step=x, value=median)
    share = float(crossed.mean())
    marks.note(
        ax, style, f"{share:.0%} cross {view.budget:g}", colour=style.text(style.wrong) if share > 0.5 else style.soft
    )


def _mass_panel(ax: Axes, style: Style, here: Pool, view: PerturbationView, table: Table) -> None:
    ax.set_ylim(-0.02, 1.05)
    if not np.isfinite(here.mass).any():
        marks.empty(ax, style, "no mass was\ncomputed")
        return
    x = here.forks + _first(view)
    colour = style.series(4)
    p10, p50, p90 = quantiles(here.mass, (10, 50, 90))
    if view.spaghetti:
        for place, row in enumerate(here.mass):
            ax.plot(x, row, color=colour, lw=view.line_lw * style.scale, alpha=0.5)
            table.add(row="mass", alpha=here.alpha, kind="trajectory", trajectory=place, step=x, value=row)
    else:
        ax.fill_between(x, p10, p90, color=colour, alpha=0.25, lw=0)
    ax.plot(x, p50, color=style.text(colour), lw=view.median_lw * style.scale, marker="o", ms=2.2 * style.scale)
    table.add(row="mass", alpha=here.alpha, kind="quantiles", n=len(here.mass), step=x, p10=p10, p50=p50, p90=p90)


def alive_colours(style: Style) -> LinearSegmentedColormap:
    """From dead to alive: red to green by way of amber, its lightness rising all the way, for grey and for eyes that
    do not part red from green; on a dark ground the dead are the bright ones. Contrast with the ground: 3 at least."""
    colours = ["#FF8C42", "#B89A2E", "#2F6F5E"] if style.dark else ["#7A1800", "#9C6200", "#45A088"]
    return LinearSegmentedColormap.from_list("alive", colours)


def _first(view: PerturbationView) -> int:
    return 1 if view.step == "segment" else 0


def _mode(view: PerturbationView) -> str:
    smooth = f", rolling mean of {view.roll}" if view.roll > 1 else ""
    if view.spaghetti:
        colour = "coloured by mass" if view.color_by_pmass else f"red: crosses {view.budget:g} nat"
        return f"single trajectories ({colour}){smooth}"
    return ("fan p10, p25, median, p75, p90" if view.quantile_lines else "median and p10..p90 band") + smooth
