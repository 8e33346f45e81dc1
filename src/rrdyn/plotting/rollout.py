"""Far past the budget: accuracy against compute, and the survival of failures with its fits, from `rrdyn survival`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import existing, is_folder, shown
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.survival import SurvivalModelRecord, SurvivalRecord
from rrdyn.plotting import marks
from rrdyn.plotting.options import RolloutOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import DASHES, Style
from rrdyn.plotting.tables import read_numbers

RUN = "rrdyn survival ROLLOUT.npz…"
FITS = {"exponential": "exponential", "weibull": "Weibull", "two_population": "two rates", "cure": "a share never"}


def draw(inputs: RolloutOptions, out: Output, style: Style) -> None:
    """Draw `rollout` from survival.json and the tables beside it."""
    path = existing(inputs.path, run=RUN)
    folder = path if is_folder(path) else path.parent
    source = folder / "survival.json"
    models = read_json(source, SurvivalRecord, run=RUN).models
    if not models:
        raise InputError(f"{shown(source)} names no model", expected="a file of rrdyn survival", run=RUN)
    files = [source]
    for tag in models:
        files += [existing(folder / f"{kind}_{tag}.csv", run=RUN) for kind in ("accuracy", "survival")]
    out.add(rollout(folder, models, style), "rollout", folder, inputs=files)


def rollout(folder: Path, models: dict[str, SurvivalModelRecord], style: Style) -> Plate:
    """Accuracy against compute, and survival of failures with the best fit, of every model of a survival.json."""
    stacked = style.size == "column"
    figure = style.figure(4.4 if stacked else 2.6)
    compute, survival = figure.subplots(2, 1) if stacked else figure.subplots(1, 2)
    table = Table()
    upper: list[marks.End] = []
    lower: list[marks.End] = []
    for place, (tag, model) in enumerate(models.items()):
        colour, dashes = style.series(place), DASHES[place % len(DASHES)]
        upper.append(_accuracy(compute, style, folder, tag, model, colour, dashes, table))
        end = _survival(survival, style, folder, tag, model, colour, dashes, table)
        if end is not None:
            lower.append(end)
    readouts = {model.readout for model in models.values()}
    for readout in readouts:
        marks.rule(compute, style, x=readout, dashed=True)
    if len(readouts) == 1:
        compute.annotate(
            f"budget: {readouts.copy().pop()}",
            (readouts.pop(), 0.0),
            xycoords=("data", "axes fraction"),
            xytext=(2.5 * style.scale, 2 * style.scale),
            textcoords="offset points",
            color=style.soft,
            va="bottom",
        )
    compute.set_xscale("log", base=2)
    compute.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    compute.set_ylim(0, 1.03)
    compute.set_xlabel("segments (log scale)")
    compute.set_ylabel("accuracy (exact)")
    compute.set_title("accuracy against compute\n" + _counts(models, "n"))
    escapes = any(end[1] < 1 for end in lower)
    if lower and not escapes:
        survival.set_ylim(0, 1.03)  # nothing left: a logarithmic axis would magnify nothing
    elif lower:
        survival.set_yscale("log")
        narrow = survival.get_ylim()[0] > 0.2  # less than a decade: 1, 2, 5 would leave the axis without a number
        survival.yaxis.set_major_locator(LogLocator(subs=tuple(range(1, 10)) if narrow else (1, 2, 5), numticks=12))
        survival.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        survival.yaxis.set_minor_formatter(NullFormatter())
    else:
        marks.empty(survival, style, "no failure at the budget:\nnothing to survive")
    survival.set_xlabel("segments after the budget")
    survival.set_ylabel("failures never yet right" + "\n(log scale)" * escapes)
    survival.set_title("survival of failures; thin: best fit by AIC\n" + _counts(models, "failures"))
    labels = [marks.label_ends(compute, style, upper), marks.label_ends(survival, style, lower)]
    marks.spread(figure, labels)
    return Plate(
        figure=figure,
        table=table,
        caption="Left (above): share of puzzles answered exactly after each segment, on a logarithmic axis; dashed: "
        "the training budget. Right (below): share of the failures at the budget that were right at no segment since "
        "(Kaplan-Meier), with 95% bands and the fit of lowest AIC; a straight line is one escape rate. "
        + " ".join(_in_words(tag, model) for tag, model in models.items()),
        alt="Accuracy against segments and survival of failures for " + ", ".join(models),
    )


def _accuracy(
    ax: Axes, style: Style, folder: Path, tag: str, model: SurvivalModelRecord, colour: str, dashes: Any, table: Table
) -> marks.End:
    values = read_numbers(folder / f"accuracy_{tag}.csv", ("segment", "accuracy"), run=RUN)
    x, y = values["segment"], values["accuracy"]
    ax.plot(x, y, color=colour, ls=dashes)
    if "accuracy_low" in values:
        ax.fill_between(x, values["accuracy_low"], values["accuracy_high"], color=colour, alpha=0.15, lw=0)
    table.add(
        panel="accuracy",
        model=tag,
        kind="data",
        x=x,
        y=y,
        low=values.get("accuracy_low", np.nan),
        high=values.get("accuracy_high", np.nan),
    )
    return x[-1], y[-1], tag, colour


def _survival(
    ax: Axes, style: Style, folder: Path, tag: str, model: SurvivalModelRecord, colour: str, dashes: Any, table: Table
) -> marks.End | None:
    values = read_numbers(folder / f"survival_{tag}.csv", ("after", "survival"), empty=True, run=RUN)
    x, y = values["after"], values["survival"]
    if not x.size or not np.isfinite(y).any():
        return None
    shown = y > 0  # zero has no place on a logarithmic axis
    if not shown.any():
        return None
    ax.plot(x[shown], y[shown], color=colour, ls=dashes, drawstyle="steps-post")
    low, high = values.get("low"), values.get("high")
    if low is not None and high is not None:
        floor = np.where(low > 0, low, np.nanmin(y[shown]) / 2)
        ax.fill_between(x[shown], floor[shown], high[shown], color=colour, alpha=0.15, lw=0, step="post")
    table.add(
        panel="survival",
        model=tag,
        kind="data",
        x=x,
        y=y,
        low=np.nan if low is None else low,
        high=np.nan if high is None else high,
    )
    best = model.best
    law = model.fits.get(best) if best else None
    curve = law.curve if law else None
    if curve:
        fitted = np.array([np.nan if value is None else value for value in curve], dtype=float)[: x.size]
        ax.plot(x[: fitted.size], fitted, color=style.text(colour), lw=0.7 * style.scale)
        table.add(panel="survival", model=tag, kind=f"fit: {best}", x=x[: fitted.size], y=fitted)
    words = f"{tag}\n{FITS.get(best, best)}" if best else tag
    return x[shown][-1], y[shown][-1], words, colour


def _counts(models: dict[str, SurvivalModelRecord], key: str) -> str:
    words = "n" if key == "n" else "failures"
    counts = [model.n if key == "n" else model.failures for model in models.values()]
    return f"{words} = {' / '.join(f'{count:,}' for count in counts)}"


def _in_words(tag: str, model: SurvivalModelRecord) -> str:
    never = model.never_correct
    if never is None or never.value is None:
        return f"{tag}: n = {model.n}, no failures."
    bounds = "" if never.low is None or never.high is None else f" [{never.low:.0%}, {never.high:.0%}]"
    return (
        f"{tag}: {model.failures} of {model.n} wrong at segment {model.readout}, {never.value:.0%} of them{bounds} "
        f"right at no segment up to {model.horizon}."
    )
