"""`analyze-2x2` over several files: each analysed, all together as a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from rrdyn.analysis import evolution, fates, two_by_two
from rrdyn.analysis.fates import FateTable
from rrdyn.analysis.intervals import REPLICATES
from rrdyn.analysis.puzzles import tags
from rrdyn.analysis.thresholds import Tau
from rrdyn.analysis.two_by_two import TwoByTwo
from rrdyn.artifacts.errors import notice


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one call analysed and wrote; `series` is the tag of evolution_<tag>.csv where there are several files."""

    found: list[TwoByTwo]
    fates: dict[str, FateTable]
    """By tag, of the fate.npz files that were given beside."""
    wrote: list[Path]
    series: str | None


def analyze_files(
    paths: Sequence[Path | str],
    out: Path,
    *,
    tag: str | None = None,
    tau: Tau | None = None,
    shared_tau: bool = False,
    compat: bool = False,
    seed: int = 0,
    replicates: int = REPLICATES,
    fate_files: Sequence[Path | str] = (),
) -> Batch:
    """Analyse and write. Missing files are skipped while one is there; files of two estimators are refused.

    fate_files : fate.npz files; what became of the puzzles stands first in results.md.
    """
    tau = tau or Tau()
    series = evolution.read_series(list(dict.fromkeys(Path(path) for path in paths)), keep_all=compat)
    if tag is not None:
        evolution.checked_tag(tag)
    names = tags([puzzles.path for puzzles in series])
    series_tag = tag or _common(names) or "series"
    if tag is not None:
        names = [tag] if len(series) == 1 else [f"{tag}_{name}" for name in names]
    threshold = evolution.common_threshold(series, tau) if shared_tau and not compat else None
    found, wrote = [], []
    for puzzles, name in zip(series, names):
        item = two_by_two.analyze(
            puzzles, name, tau=tau, threshold=threshold, compat=compat, seed=seed, replicates=replicates
        )
        wrote += two_by_two.write(item, out)
        for warning in item.warnings:
            notice(f"{name}: {warning}")
        found.append(item)
    if len(series) > 1:
        rows = (
            evolution.evolve_as_source(series, series_tag)
            if compat
            else evolution.evolve(series, series_tag, tau=tau, seed=seed, replicates=replicates)
        )
        wrote += evolution.write(rows, out)
    told = _fates(fate_files, out)
    wrote += [out / f"fates_{name}.json" for name in told]
    wrote.append(two_by_two.write_summary(found, out, before=fates.page(told) if told else ""))
    return Batch(found=found, fates=told, wrote=wrote, series=series_tag if len(series) > 1 else None)


def _fates(paths: Sequence[Path | str], out: Path) -> dict[str, FateTable]:
    """The counts of fate.npz files by tag, each written."""
    read = [fates.read_fates(path) for path in dict.fromkeys(map(Path, paths))]
    found = {}
    for artifact, name in zip(read, tags([artifact.path for artifact in read])):
        found[name] = fates.of_result(artifact.arrays, artifact.meta)
        fates.write(found[name], out, name, artifact.path)
    return found


def _common(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names))
    return "".join(letters[0] for letters in alike).strip("_-.")
