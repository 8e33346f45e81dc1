"""`analyze-2x2` over several files: each analysed, all together as a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from rrdyn.analysis import evolution, fates, settled, two_by_two
from rrdyn.analysis.evolution import Evolution
from rrdyn.analysis.fates import FatesRecord, FateTable
from rrdyn.analysis.intervals import REPLICATES
from rrdyn.analysis.predictors import fate_of
from rrdyn.analysis.puzzles import tags
from rrdyn.analysis.thresholds import Tau, Threshold
from rrdyn.analysis.two_by_two import TwoByTwo
from rrdyn.artifacts.errors import UsageError, notice
from rrdyn.artifacts.npz import Artifact
from rrdyn.artifacts.record import Written
from rrdyn.artifacts.results import ResultsRecord
from rrdyn.runtime.progress import each


class BatchRecord(Written):
    """What one call of `rrdyn analyze-2x2` analysed, by tag."""

    results: dict[str, ResultsRecord]
    fates: dict[str, FatesRecord] = {}


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one call analysed; `series` is the evolution over its files where there are several."""

    found: list[TwoByTwo]
    fates: dict[str, tuple[Path, FateTable]]
    """By tag, of the fate.npz files that were given beside: where from, and the counts."""
    series: Evolution | None

    def record(self) -> BatchRecord:
        """As data: by tag, the numbers, and what became of the puzzles where files of fates were given."""
        record = BatchRecord(results={item.tag: item.results for item in self.found})
        fates = {tag: table.record() for tag, (_, table) in self.fates.items()}
        return record.model_copy(update={"fates": fates}) if fates else record

    def write(self, out: Path) -> list[Path]:
        """All files of all of it, and results.md over them; a rerun writes the same bytes."""
        wrote = [path for item in self.found for path in two_by_two.write(item, out)]
        if self.series is not None:
            wrote += evolution.write(self.series, out)
        wrote += [fates.write(table, out, tag, source) for tag, (source, table) in self.fates.items()]
        page = fates.page({tag: table for tag, (_, table) in self.fates.items()}) if self.fates else ""
        return [*wrote, two_by_two.write_summary(self.found, out, before=page)]


def analyze_files(
    paths: Sequence[Path | str],
    *,
    tag: str | None = None,
    tau: Tau | None = None,
    shared_tau: bool = False,
    settled_by: str = "drift",
    compat: bool = False,
    seed: int = 0,
    replicates: int = REPLICATES,
    fate_files: Sequence[Path | str] = (),
) -> Batch:
    """Analyse diag.npz files, each alone and together as a series: `rrdyn analyze-2x2`. Nothing is written.

    `tau` (default Otsu) chooses the threshold of each, one for the checkpoints of one run, `shared_tau` one for all.
    `settled_by` is drift or return. Missing files are skipped while one is there; files of two estimators are refused.
    fate_files : fate.npz files; what became of the puzzles stands first in results.md, and those of a file's own
        weights are asked what they add.
    """
    tau = tau or Tau()
    if compat and settled_by != "drift":
        raise UsageError("--compat knows late drift only", found=settled_by, expected="--compat without --settled")
    files = list(dict.fromkeys(Path(path) for path in paths))
    series = evolution.read_series(files, compat=compat, settled_by=settled_by)
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
    read = [fates.read_fates(path) for path in dict.fromkeys(map(Path, fate_files))]
    found = []
    for place, (puzzles, name) in enumerate(each(list(zip(series, names)), "analysed files")):
        threshold = thresholds[place] if thresholds else None
        fate = None if compat else fate_of(puzzles, read, alone=len(series) == 1)
        item = two_by_two.analyze(
            puzzles, name, tau=tau, threshold=threshold, fate=fate, compat=compat, seed=seed, replicates=replicates
        )
        for warning in item.warnings:
            notice(f"{name}: {warning}")
        found.append(item)
    evolved = None
    if len(series) > 1 and compat:
        evolved = evolution.evolve_as_source(series, series_tag)
    elif len(series) > 1:
        evolved = evolution.evolve(series, series_tag, tau=tau, thresholds=thresholds, seed=seed, replicates=replicates)
    return Batch(found=found, fates=_fates(read), series=evolved)


def _fates(read: Sequence[Artifact]) -> dict[str, tuple[Path, FateTable]]:
    """The counts of fate.npz files by tag."""
    names = tags([artifact.path for artifact in read])
    return {
        name: (artifact.path, fates.of_result(artifact.arrays, artifact.meta)) for name, artifact in zip(names, read)
    }


def _common(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names))
    return "".join(letters[0] for letters in alike).strip("_-.")
