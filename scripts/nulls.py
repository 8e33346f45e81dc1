"""How often the increment claims a gain where there is none, and how often it finds one that is there.

    python scripts/nulls.py [--out docs/statistics] [--only WORLD] [--replicates 20]

Draws worlds in which the answer is independent of lambda_1 given the base (nulls), worlds in which it is not (power),
and two that bound what the test can do (limits); measures the increment in each replicate; writes one line a replicate
to `increment_replicates.csv`, and from those lines `increment.csv` and `increment.md`. Started again it goes on where
it stopped. Every replicate has a stream of its own, so that no number depends on what else was run.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from rrdyn.analysis.increment import measure
from rrdyn.analysis.intervals import rate
from rrdyn.artifacts.files import make_folder, replacing, write_text
from rrdyn.runtime.streams import generator

SIZES = {60: 500, 128: 500, 512: 200}  # replicates of a null by number of puzzles
OTHERS = 100  # replicates of every other row
FIELDS = (
    "world", "strength", "n", "replicate", "smooth", "smooth_low", "smooth_high", "flexible", "flexible_low",
    "flexible_high", "p", "detectable", "adds",
)  # fmt: skip
Draw = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class World:
    """Where puzzles come from: base variables, lambda_1, and the log-odds of a right answer."""

    name: str
    kind: str
    """null, power or limit."""
    told: str
    draw: Callable[[np.random.Generator, int, float], Draw]
    share: Callable[[int], float] = lambda n: 0.5
    strengths: tuple[float, ...] = (0.0,)

    def sample(self, n: int, strength: float, replicate: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """n puzzles with a fixed share of right ones: drawn by their answer, which leaves lambda_1's law given base and
        answer as it is."""
        rng = generator(replicate, "nulls", self.name, n, strength)
        base, exponent, odds = self.draw(rng, 40 * n, strength)
        right = rng.random(len(odds)) < 1 / (1 + np.exp(-odds))
        wanted = round(self.share(n) * n)
        rows = np.concatenate([np.flatnonzero(right)[:wanted], np.flatnonzero(~right)[: n - wanted]])
        if len(rows) < n:
            raise SystemExit(f"{self.name}: too few puzzles of one kind")
        return {name: values[rows] for name, values in base.items()}, exponent[rows], right[rows]


def _base(rng: np.random.Generator, n: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Three correlated statistics of motion and two of the halt logit, with what stands behind them."""
    drift, halt, *off = rng.normal(size=(5, n))
    halt = 0.3 * drift + halt
    names = {
        "log10_residual": 0.9 * drift + 0.4 * off[0],
        "log10_last_drift": 0.95 * drift + 0.3 * off[1],
        "log10_late_drift": drift,
        "q_halt": halt,
        "q_halt_max": halt + np.abs(off[2]),
    }
    return names, drift, halt


def _smooth(rng: np.random.Generator, n: int, strength: float) -> Draw:
    base, drift, halt = _base(rng, n)
    own = rng.normal(size=n)
    odds = -2 * np.tanh(drift) + 0.8 * halt - 0.4 * drift * halt + strength * own
    return base, 0.5 * np.tanh(drift) + 0.2 * halt**2 - 0.2 * drift * halt - 0.5 * own, odds


def _sharp(rng: np.random.Generator, n: int, strength: float) -> Draw:
    base, drift, halt = _base(rng, n)
    odds = 2.0 - 4.0 * (drift > 0.3) + 0.5 * halt
    return base, (drift > 0.3) + 0.3 * (halt > 0) + 0.1 * rng.normal(size=n), odds


def _copy(rng: np.random.Generator, n: int, strength: float) -> Draw:
    base, drift, halt = _base(rng, n)
    return base, drift + 0.5 * rng.normal(size=n), -1.2 * drift + 0.8 * halt


def _cleaner(rng: np.random.Generator, n: int, strength: float) -> Draw:
    """All statistics of motion share one error, which lambda_1 does not have."""
    base, drift, halt = _base(rng, n)
    blur = 0.7 * rng.normal(size=n)
    base = {name: values + (blur if name.startswith("log10") else 0.0) for name, values in base.items()}
    return base, drift + 0.2 * rng.normal(size=n), -1.2 * drift + 0.8 * halt


def _diagonal(rng: np.random.Generator, n: int, strength: float) -> Draw:
    """A jump across two variables: no sum of bends and jumps of single variables follows it."""
    base, drift, halt = _base(rng, n)
    return base, (drift > halt) + 0.1 * rng.normal(size=n), 2.0 - 4.0 * (drift > halt)


WORLDS = (
    World(name="smooth", kind="null", told="smooth links, with a product; lambda_1 a smooth function of the base and "
          "noise of its own", draw=_smooth),
    World(name="sharp", kind="null", told="right answers jump at one late drift, lambda_1 jumps there too, and at a "
          "q_halt", draw=_sharp),
    World(name="copy", kind="null", told="lambda_1 a noisy copy of late drift (noise half its deviation)", draw=_copy),
    World(name="imbalance", kind="null", told="as smooth, with a third, a fifth, a tenth of the answers right",
          draw=_smooth, share=lambda n: {60: 1 / 3, 128: 1 / 5, 512: 1 / 10}[n]),
    World(name="diagonal", kind="limit", told="a null that is none to the test: a jump across drift and q_halt, "
          "which lambda_1 shares", draw=_diagonal),
    World(name="cleaner", kind="limit", told="no null: lambda_1 measures cleanly what every drift measures with noise",
          draw=_cleaner),
    World(name="power", kind="power", told="as smooth, and the noise of lambda_1 bears on the answer", draw=_smooth,
          strengths=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0)),
)  # fmt: skip


def settings() -> Iterator[tuple[World, float, int, int]]:
    """World, strength, n and replicates of every row of the table, small ones first."""
    for kind in ("null", "limit", "power"):
        for n, replicates in SIZES.items():
            for world in WORLDS:
                if world.kind == kind:
                    for strength in world.strengths:
                        yield world, strength, n, replicates if kind == "null" else OTHERS


def replicate(world: World, strength: float, n: int, number: int) -> dict[str, object]:
    base, exponent, right = world.sample(n, strength, number)
    (found,) = measure(base, {"lambda_1": exponent}, right, seed=number)
    values = {
        "smooth": found.smooth.delta, "smooth_low": found.smooth.low, "smooth_high": found.smooth.high,
        "flexible": found.flexible.delta, "flexible_low": found.flexible.low, "flexible_high": found.flexible.high,
        "p": found.independence.p, "detectable": found.detectable,
    }  # fmt: skip
    shown = {name: f"{value:.4g}" for name, value in values.items()}
    return {"world": world.name, "strength": strength, "n": n, "replicate": number, **shown, "adds": int(found.adds)}


def read(path: Path) -> list[dict[str, str]]:
    """Whole lines of an earlier run; one that was cut off is left out."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if row["adds"] in ("0", "1")]


def run(path: Path, only: str | None, limit: int | None) -> list[dict[str, str]]:
    rows = read(path)
    done = {(row["world"], float(row["strength"]), int(row["n"]), int(row["replicate"])) for row in rows}
    with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, FIELDS)
        for world, strength, n, replicates in settings():
            if only not in (None, world.name):
                continue
            for number in range(min(replicates, limit or replicates)):
                if (world.name, strength, n, number) not in done:
                    writer.writerow(replicate(world, strength, n, number))
                    stream.flush()
            print(f"{world.name} {strength} n={n} done", flush=True)
    return read(path)


def table(rows: list[dict[str, str]]) -> list[dict[str, object]]:
    """One row a setting: how often each part of the claim, and the claim, was made; what was gained on average."""
    lines: list[dict[str, object]] = []
    for world, strength, n, _ in settings():
        mine = [r for r in rows if (r["world"], float(r["strength"]), int(r["n"])) == (world.name, strength, n)]
        if not mine:
            continue
        column = {name: np.array([float(row[name]) for row in mine]) for name in FIELDS[4:]}
        claimed = rate(int(column["adds"].sum()), len(mine))
        lines.append({
            "kind": world.kind, "world": world.name, "strength": strength, "n": n, "replicates": len(mine),
            "claimed": claimed.value, "claimed_low": claimed.low, "claimed_high": claimed.high,
            "smooth_above_0": float((column["smooth_low"] > 0).mean()),
            "flexible_above_0": float((column["flexible_low"] > 0).mean()),
            "test_rejects": float((column["p"] < 0.05).mean()),
            "gain_smooth": float(column["smooth"].mean()), "gain_flexible": float(column["flexible"].mean()),
            "detectable": float(column["detectable"].mean()),
        })  # fmt: skip
    return lines


def page(lines: list[dict[str, object]]) -> str:
    """increment.md"""
    told = [f"- **{world.name}** ({world.kind}): {world.told}." for world in WORLDS]
    rows = [
        [line["kind"], line["world"], f"{line['strength']:g}", line["n"], line["replicates"],
         f"{line['claimed']:.3f} [{line['claimed_low']:.3f}, {line['claimed_high']:.3f}]",
         *(f"{line[key]:.3f}" for key in ("smooth_above_0", "flexible_above_0", "test_rejects")),
         *(f"{line[key]:+.4f}" for key in ("gain_smooth", "gain_flexible")), f"{line['detectable']:.3f}"]
        for line in lines
    ]  # fmt: skip
    headers = ["kind", "world", "strength", "n", "replicates", "gain claimed", "smooth interval above 0",
               "flexible interval above 0", "test below .05", "mean gain, smooth", "mean gain, flexible",
               "gain said to be found in 80%"]  # fmt: skip
    return "\n".join([
        "# The increment: false claims and power", "",
        "Written by `python scripts/nulls.py` from `increment_replicates.csv`. A gain is claimed where both intervals "
        "lie above 0 and the test of conditional independence is below .05.", "", *told, "",
        tabulate(rows, headers, tablefmt="pipe", disable_numparse=True), "", _left(lines), "",
    ])  # fmt: skip


def _left(lines: list[dict[str, object]]) -> str:
    """How much of the table is there."""
    wanted = {(world.name, strength, n): replicates for world, strength, n, replicates in settings()}
    done = {(line["world"], line["strength"], line["n"]): line["replicates"] for line in lines}
    short = sum(done.get(key, 0) != count for key, count in wanted.items())
    if not short:
        return "Complete."
    return (
        f"**Not complete**: {len(wanted) - short} of {len(wanted)} rows have all their replicates; the script, started "
        "again, goes on with the others."
    )


def write(out: Path, rows: list[dict[str, str]]) -> None:
    lines = table(rows)
    shown = [{key: f"{value:.6g}" if isinstance(value, float) and not math.isnan(value) else value
              for key, value in line.items()} for line in lines]  # fmt: skip
    text = "\n".join([",".join(lines[0]), *(",".join(str(value) for value in line.values()) for line in shown)])
    write_text(out / "increment.csv", text + "\n")
    write_text(out / "increment.md", page(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/statistics"), help="folder of the tables")
    parser.add_argument("--only", help="one world by its name")
    parser.add_argument("--replicates", type=int, help="no more than so many a row")
    args = parser.parse_args()
    out = make_folder(args.out)
    write(out, run(out / "increment_replicates.csv", args.only, args.replicates))


if __name__ == "__main__":
    main()
