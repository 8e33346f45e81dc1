"""Which runs a command line of files, globs and folders means, and what was skipped on the way."""

from __future__ import annotations

import glob
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.places import existing, is_file, is_folder, shown
from rrdyn.plotting.log_schema import LogSchema
from rrdyn.plotting.logs import Run, Skipped, find_facts, joined, read_jsonl, read_log, read_loose

OWN = "rrdyn"


def gather(paths: Sequence[Path | str]) -> list[Path]:
    """The log files behind files, globs and folders, in name order, each once.

    In a folder: its train.jsonl if it is a run folder, else its *.log and the run folders below it.
    Raises InputError for a name that leads to nothing.
    """
    found: list[Path] = []
    for given in map(str, paths):
        if any(mark in given for mark in "*?["):
            hits = [file for hit in _matching(given) for file in _files(hit)]
            if not hits:
                raise InputError(f"nothing matches {shown(given)}", expected="log files or run folders")
            found += hits
        else:
            found += _files(existing(given, run="rrdyn train sudoku"))
    if not found:
        raise InputError(
            "there are no logs",
            found=", ".join(map(str, paths)),
            expected="*.log or train.jsonl",
            run="rrdyn train sudoku",
        )
    return list(dict.fromkeys(found))


def folder_of(paths: Sequence[Path | str]) -> Path:
    """The folder that figures of these logs go to by default: the first folder given, or the first log's."""
    first = Path(paths[0])
    return first if is_folder(first) else gather(paths)[0].parent


def _matching(pattern: str) -> list[Path]:
    try:
        return [Path(hit) for hit in sorted(glob.glob(pattern, recursive=True))]
    except ValueError:  # characters that no file name can have
        return []


def _files(path: Path) -> list[Path]:
    if not is_folder(path):
        # a run's table is the copy for people; the same rows stand complete in its train.jsonl
        twin = path.with_name("train.jsonl")
        return [twin if path.name == "train.log" and is_file(twin) else path]
    if is_file(path / "train.jsonl"):
        return [path / "train.jsonl"]
    below = {file.parent: file for pattern in ("train.log", "train.jsonl") for file in sorted(path.rglob(pattern))}
    return sorted({*path.glob("*.log"), *below.values()})


def read_runs(files: Sequence[Path], schema: LogSchema) -> tuple[list[Run], list[str]]:
    """Every run that can be read, continuations joined, and one note for each thing skipped or mended."""
    runs: list[Run] = []
    notes: list[str] = []
    for path in files:
        try:
            run = read_any(path, schema)
        except (Skipped, InputError) as reason:
            notes.append(f"skipped {_named(path)}: {reason.args[0]}")
            continue
        notes += [f"{_named(path)}: {text}" for text in run.notes]
        missing = [name for name in drawn(schema, run) if name not in run.columns]
        if missing:
            notes.append(f"{_named(path)}: no column {', '.join(missing)}")
        runs.append(run)
    runs, continued = _continuations(runs)
    notes += continued
    for text in notes:
        notice(text)
    if not runs:
        raise InputError(
            f"none of {len(files)} files is a log of the family {schema.name}",
            found="; ".join(notes),
            expected=f"a table with {', '.join(schema.header)}",
            run="rrdyn plot dynamics LOGS --schema NAME|FILE.yaml",
        )
    return runs, notes


def drawn(schema: LogSchema, run: Run) -> list[str]:
    """The columns this run is drawn from, after the substitutions of its arm."""
    arm = schema.arm_of(run.facts)
    swap = {rule.instead_of: rule.draw for rule in schema.instead if rule.arm == arm}
    usual = [series.column for group in schema.groups for series in group.series]
    return [swap.get(name, name) for name in usual]


def read_any(path: Path, schema: LogSchema) -> Run:
    """A run from its train.jsonl, with the facts of the log beside it, or from a log table."""
    if path.suffix != ".jsonl":
        return read_log(path, schema)
    table = path.with_name("train.log")
    head = read_loose(table).splitlines()[:200] if is_file(table) else []
    return read_jsonl(path, schema, find_facts(head, schema))


def _named(path: Path) -> str:
    """A file by its name, a run folder's file with its folder."""
    return f"{path.parent.name}/{path.name}" if path.name.startswith("train.") else path.name


def _continuations(runs: list[Run]) -> tuple[list[Run], list[str]]:
    """Join files of one arm and seed where one goes on where the other stopped; tell of seeds that stand twice."""
    together: dict[tuple[tuple[str, str], ...], list[Run]] = defaultdict(list)
    for run in runs:
        together[tuple(sorted(run.facts.items()))].append(run)
    result, notes = [], []
    for same in together.values():
        same.sort(key=lambda run: int(run.steps[0]))
        merged = same[:1]
        for run in same[1:]:
            last = merged[-1]
            if run.steps[0] > last.steps[0] and run.steps[-1] > last.steps[-1] and run.seed != "?":
                merged[-1] = joined(last, run)
                notes.append(f"{_named(run.path)} continues {_named(last.path)} (same arm and seed)")
            else:
                merged.append(run)
        if len(merged) > 1 and merged[0].seed != "?":
            notes.append(
                f"seed {merged[0].seed} stands {len(merged)} times: " + ", ".join(_named(r.path) for r in merged)
            )
        result += merged
    return sorted(result, key=lambda run: str(run.path)), notes
