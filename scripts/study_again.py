"""The mended statistics on the committed study: what its tables permit, without the models.

    python scripts/study_again.py [--study docs/study/first]

Reads `survival/survival_*.csv`, `aggregate/runs.csv` and `analysis/*/points_*.csv` and writes `again/again.json` and
`again/again.md`: escapes compared on the evaluation clock over a common horizon, the share that never escapes, metrics
over seeds on the logit scale, and the increment. Points of before late windows, residuals and the largest q_halt were
kept give an increment over late drift and the last q_halt only, and say so.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tabulate import tabulate

from rrdyn.analysis.escape import ENOUGH, Escapes, fit_cure, fit_exponential
from rrdyn.analysis.escape_comparison import Failures, compare
from rrdyn.analysis.increment import measure
from rrdyn.analysis.intervals import mean_over_seeds
from rrdyn.analysis.runs import SHARES
from rrdyn.analysis.summary import bounded
from rrdyn.artifacts.files import make_folder, write_json, write_text
from rrdyn.artifacts.interval import Interval

CLOCK = {"trm": 12, "hrm": 6, "maze": 12}
BASE = ("log10_residual", "log10_last_drift", "log10_late_drift", "q_halt", "q_halt_max")


def escapes(study: Path) -> dict[str, Any]:
    failures, record = [], {}
    for tag, unit in CLOCK.items():
        table = pl.read_csv(study / "survival" / f"survival_{tag}.csv")
        after = table["after"].to_numpy()
        events, censored = table["events"].to_numpy(), table["censored"].to_numpy()
        time = np.repeat(np.concatenate([after, after]), np.concatenate([events, censored]))
        came = np.repeat([True, False], [events.sum(), censored.sum()])
        failures.append(Failures(tag=tag, time=time, came=came, followed=int(after[-1]), sub_updates=unit))
        cure = fit_cure(Escapes.of(time, came))
        record[tag] = {
            "failures": len(time), "escapes": int(came.sum()), "aic_used": bool(came.sum() >= ENOUGH),
            "rate_per_segment": fit_exponential(Escapes.of(time, came)).rate.model_dump(),
            "cure_fraction": None if cure is None else cure.parameters["cured"].model_dump(),
        }  # fmt: skip
    compared = compare(failures)
    assert compared is not None
    return {"models": record, "compared": compared.model_dump()}


def seeds(study: Path) -> dict[str, Any]:
    table = pl.read_csv(study / "aggregate" / "runs.csv")
    found = {}
    for arm, group in table.group_by("aug", maintain_order=True):
        found[str(arm[0])] = {
            name: {**mean_over_seeds(group[name].to_numpy(), share=name in SHARES).model_dump(),
                   "values": group[name].to_list()}
            for name in (*SHARES, "lambda_1_correct", "lambda_1_wrong")
        }  # fmt: skip
    return found


def increments(study: Path) -> dict[str, Any]:
    found = {}
    for tag in CLOCK:
        points = pl.read_csv(study / "analysis" / tag / f"points_{tag}.csv")
        base = {name: points[name].to_numpy() for name in BASE if name in points.columns}
        added = {"lambda_1": points["lambda_1"].to_numpy()}
        over = "late drift and the last q_halt" if len(base) == 2 else "residual, drift and q_halt"
        (one,) = measure(base, added, points["correct"].to_numpy(), over=over)
        found[tag] = {"over": list(base), **one.record().model_dump()}
    return found


def shown(record: dict[str, Any] | None, digits: int = 3) -> str:
    return bounded(None if record is None else Interval(**{key: record[key] for key in Interval.model_fields}), digits)


def page(record: dict[str, Any]) -> str:
    """again.md"""
    models, compared = record["escapes"]["models"], record["escapes"]["compared"]
    rows = [
        [tag, one["failures"], one["escapes"], shown(one["rate_per_segment"], 5), shown(one["cure_fraction"])]
        for tag, one in models.items()
    ]  # fmt: skip
    lines = ["# The study's tables under the mended statistics", "", "Written by `python scripts/study_again.py`.", "",
             tabulate(rows, ["model", "failures", "escapes", "rate per segment", "never"], tablefmt="pipe",
                      disable_numparse=True), "",
             f"Over the first {compared['horizon']} {compared['clock']} after the readout:", ""]  # fmt: skip
    for pair in compared["pairs"]:
        ratio = pair["rate_ratio"]
        lines.append(
            f"- {pair['first']} against {pair['second']}: log-rank chi^2 {pair['statistic']:.2f}, p {pair['p']:.2g} "
            f"(after Holm {pair['p_holm']:.2g}); rates per module evaluation "
            f"{shown(ratio['per_module_evaluation'] if ratio else None, 2)} to 1"
        )
    arms = record["seeds"]
    rows = [[name, *(shown(arms[arm][name], 3) for arm in arms)] for name in next(iter(arms.values()))]
    lines += ["", tabulate(rows, ["over seeds", *arms], tablefmt="pipe", disable_numparse=True), "",
              *(f"- {tag}: {one['says']}" for tag, one in record["increments"].items()), ""]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--study", type=Path, default=Path("docs/study/first"), help="folder of the study")
    study = parser.parse_args().study
    record = {"escapes": escapes(study), "seeds": seeds(study), "increments": increments(study)}
    out = make_folder(study / "again")
    write_json(out / "again.json", json.loads(json.dumps(record)))
    write_text(out / "again.md", page(record))


if __name__ == "__main__":
    main()
