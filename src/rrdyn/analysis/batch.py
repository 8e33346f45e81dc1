"""`analyze-2x2` over several files: each analysed, all together as a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from rrdyn.analysis import evolution, settled, two_by_two
from rrdyn.analysis.evolution import Evolution
from rrdyn.analysis.intervals import REPLICATES
from rrdyn.analysis.puzzles import tags
from rrdyn.analysis.thresholds import Tau, Threshold
from rrdyn.analysis.two_by_two import TwoByTwo
from rrdyn.artifacts.errors import UsageError, notice


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one call analysed; `series` is the evolution over its files where there are several."""

    found: list[TwoByTwo]
    series: Evolution | None

    def write(self, out: Path) -> list[Path]:
        """All files of all of it, and results.md over them; a rerun writes the same bytes."""
        wrote = [path for item in self.found for path in two_by_two.write(item, out)]
        if self.series is not None:
            wrote += evolution.write(self.series, out)
        return [*wrote, two_by_two.write_summary(self.found, out)]


def analyze_files(
    paths: Sequence[Path | str],
    *,
    tag: str | None = None,
    tau: Tau | None = None,
    shared_tau: bool = False,
    settled_by: str = "drift",
    fate: Path | None = None,
    compat: bool = False,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Batch:
    """Analyse diag.npz files, each alone and together as a series: `rrdyn analyze-2x2`. Nothing is written.

    `tau` (default Otsu) chooses the threshold of each, one for the checkpoints of one run, `shared_tau` one for all.
    `settled_by` is drift or return; `fate` a fate.npz of the same puzzles, whose fates are asked what they add. Missing
    files are skipped while one is there; files of two estimators are refused.
    """
    tau = tau or Tau()
    if compat and (settled_by != "drift" or fate is not None):
        raise UsageError("--compat knows late drift and no fates", expected="--compat without --settled and --fate")
    files = list(dict.fromkeys(Path(path) for path in paths))
    series = evolution.read_series(files, compat=compat, settled_by=settled_by)
    if fate is not None and len(series) > 1:
        raise UsageError("--fate belongs to one file", found=f"{len(series)} files", expected="one diag.npz")
    if tag is not None:
        evolution.checked_tag(tag)
    names = tags([puzzles.path for puzzles in series])
    series_tag = tag or _common(names) or "series"
    if tag is not None:
        names = [tag] if len(series) == 1 else [f"{tag}_{name}" for name in names]
    thresholds: list[Threshold] = []
    if not compat:
        shared = [settled.common_threshold(series, tau)] * len(series) if shared_tau else None
        thresholds = shared or settled.thresholds(series, tau)
    found = []
    for place, (puzzles, name) in enumerate(zip(series, names)):
        threshold = thresholds[place] if thresholds else None
        item = two_by_two.analyze(
            puzzles, name, tau=tau, threshold=threshold, fate=fate, compat=compat, seed=seed, replicates=replicates
        )
        for warning in item.warnings:
            notice(f"{name}: {warning}")
        found.append(item)
    if len(series) == 1:
        return Batch(found=found, series=None)
    if compat:
        return Batch(found=found, series=evolution.evolve_as_source(series, series_tag))
    evolved = evolution.evolve(series, series_tag, tau=tau, thresholds=thresholds, seed=seed, replicates=replicates)
    return Batch(found=found, series=evolved)


def _common(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names))
    return "".join(letters[0] for letters in alike).strip("_-.")
