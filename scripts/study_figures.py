"""The figures of the reference study, from the csv files beside its page and from nothing else.

    python scripts/study_figures.py docs/study

Draws fates (what became of the puzzles of every model), arms, recipes and, where `beside/beside.csv` is there,
accuracy against processor time of two tools. A file that is not there is passed over.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.patches import Patch

from rrdyn.plotting import marks
from rrdyn.plotting.plate import Plate, Table, origin, save
from rrdyn.plotting.style import FATES, MARKERS, Style
from rrdyn.studies.seed_tables import ENDS, read_table

TASKS = {"sudoku": "Sudoku", "maze": "mazes"}
TOOLS = {"rrdyn": "rrdyn", "rrdyn-symmetries": "with symmetries", "nano": "nano-trm"}
HATCH = "////"
"""Over what is wrong: pale colours would be taken for one another."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    folder = parser.parse_args().study
    style = Style(size="page")
    for name, (path, draw) in FIGURES.items():
        if (folder / path).is_file():
            with style.active():
                plate = draw(read_table(folder / path), style)
                save(plate, folder / name, style, meta=origin([folder / path], style))


def fates(found: pl.DataFrame, style: Style) -> Plate:
    """A panel a task, a bar a model and seed, wrong at the budget hatched."""
    figure = style.figure(2.9)
    tasks = [task for task in TASKS if task in set(found["task"])]
    panels = figure.subplots(1, len(tasks), squeeze=False, sharey=True)[0]
    names, drawn = [name for name in FATES if name in found.columns and found[name].sum()], Table()
    for ax, task in zip(panels, tasks):
        mine = found.filter(task=task)
        bars = mine.select("model", "seed").unique(maintain_order=True).rows()
        for x, (model, seed) in enumerate(bars):
            rows = {row["at_budget"]: row for row in mine.filter(model=model, seed=seed).to_dicts()}
            whole, below = sum(row["n"] for row in rows.values()), 0.0
            for side, hatch in (("right", ""), ("wrong", HATCH)):
                for name in names:
                    share = rows[side][name] / whole
                    ax.bar(
                        x, share, 0.84, bottom=below, color=style.fate(name), hatch=hatch, edgecolor=style.ground, lw=0
                    )
                    drawn.add(task=task, model=model, seed=seed, at_budget=side, fate=name, share=share)
                    below += share
        ax.set_title(TASKS[task])
        ax.set_ylim(0, 1)
        middle = {model: sorted(x for x, bar in enumerate(bars) if bar[0] == model) for model, _ in bars}
        middle = {model: places[len(places) // 2] for model, places in middle.items()}
        ax.set_xticks(range(len(bars)), [f"{seed}\n{model}" if middle[model] == x else str(seed)
                                         for x, (model, seed) in enumerate(bars)])  # fmt: skip
    panels[0].set_ylabel("share of puzzles")
    keys = [Patch(color=style.fate(name), label=name) for name in names]
    figure.legend(handles=keys, loc="outside upper left", ncols=len(keys), frameon=False, borderpad=0.1)
    return Plate(
        figure=figure, table=drawn,
        caption="What became of test puzzles: shares of fates of every model and seed, hatched those wrong at "
        "the budget.",
        alt="Stacked shares of fates, a bar for each model and seed, a panel for each task",
    )  # fmt: skip


def dots(found: pl.DataFrame, column: str, words: str, style: Style, caption: str, alt: str) -> Plate:
    """A place a model, a mark a seed with its interval, the mean of the seeds a stroke."""
    figure = style.figure(2.4)
    ax = figure.subplots()
    models, drawn = found["model"].unique(maintain_order=True).to_list(), Table()
    for x, model in enumerate(models):
        mine = found.filter(model=model).sort("seed").to_dicts()
        for row in mine:
            place, shade = x + 0.16 * (row["seed"] - 1), style.series(row["seed"])
            ax.vlines(place, row[f"{column}_low"], row[f"{column}_high"], color=shade, lw=style.scale)
            ax.plot(place, row[column], ls="", marker=MARKERS[row["seed"]], color=shade)
            drawn.add(model=model, seed=row["seed"], **{column + end: row[column + end] for end in ENDS})
        mean = float(np.mean([row[column] for row in mine]))
        ax.hlines(mean, x - 0.3, x + 0.3, color=style.ink, lw=style.scale)
    marks.rule(ax, style, y=0.0)
    ax.set_ylabel(words)
    ax.set_xticks(range(len(models)), models)
    return Plate(figure=figure, table=drawn, caption=caption, alt=alt)


def arms(found: pl.DataFrame, style: Style) -> Plate:
    return dots(
        found.filter(pl.col("model") != "none-fixed"), "right_change", "right, less none-fixed", style,
        "Arms of training: right answers less those of none-fixed from the same model and seed on the same puzzles "
        "(marks: seeds 0, 1, 2, with 95% intervals over puzzles; strokes: their means).",
        "Change of accuracy of each arm of training beside its baseline",
    )  # fmt: skip


def recipes(found: pl.DataFrame, style: Style) -> Plate:
    last = found.filter(pl.col("stage") == pl.col("stage").max().over("model", "seed"))
    return dots(
        last, "moving", "share that moves", style,
        "What sets states in motion: at the end of training the share of test puzzles whose state winds round a torus "
        "or wanders chaotically, one thing of the recipe changed at a time (marks: seeds 0, 1, 2, with 95% intervals "
        "over puzzles; strokes: their means).",
        "Share of moving states at the end of training for each recipe",
    )  # fmt: skip


def beside(found: pl.DataFrame, style: Style) -> Plate:
    figure = style.figure(2.4, width=0.6)
    ax = figure.subplots()
    ends, drawn = [], Table()
    for shade, tool in enumerate(found["tool"].unique(maintain_order=True)):
        for seed in sorted(set(found["seed"])):
            rows = found.filter(tool=tool, seed=seed).sort("step")
            minutes = rows["cpu_seconds"].to_numpy() / 60
            ax.plot(minutes, rows["acc"], marker=MARKERS[seed % len(MARKERS)], color=style.series(shade))
            drawn.add(tool=tool, seed=seed, cpu_minutes=minutes, acc=rows["acc"].to_numpy())
        last = found.filter(tool=tool).sort("step").group_by("seed").agg(pl.col("acc").last())["acc"].to_numpy()
        ends.append(
            (
                0.0,
                float(last.mean()),
                TOOLS[tool],
                style.series(shade),
            )
        )
    ax.set_ylim(0, 1)
    ax.set_xlabel("processor time, minutes")
    ax.set_ylabel("right, of the validation puzzles")
    marks.spread(figure, [marks.label_ends(ax, style, ends)])
    return Plate(
        figure=figure, table=drawn,
        caption="Accuracy on the validation puzzles against processor time: rrdyn and nano-trm, the same model, "
        "puzzles, rates and batches, one thread each, and rrdyn with fresh symmetries of the puzzles; marks: seeds.",
        alt="Accuracy over processor time of two tools, three seeds each",
    )  # fmt: skip


FIGURES: dict[str, tuple[str, Callable[[pl.DataFrame, Style], Plate]]] = {
    "fates": ("fates.csv", fates), "arms": ("arms.csv", arms), "recipes": ("recipes.csv", recipes),
    "beside/accuracy": ("beside/beside.csv", beside),
}  # fmt: skip


if __name__ == "__main__":
    main()
