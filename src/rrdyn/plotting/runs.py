"""Which runs a command line of files, globs and folders means, and what was skipped on the way."""

from __future__ import annotations

import glob
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.places import entries, existing, is_file, is_folder, shown
from rrdyn.artifacts.reading import read_json, read_yaml
from rrdyn.plotting.log_exports import EVENTS, read_events, read_export
from rrdyn.plotting.log_schema import LogSchema
from rrdyn.plotting.logs import Run, Skipped, find_facts, joined, read_jsonl, read_log, read_loose

TABLE, ROWS, TABLES = ".log", ".jsonl", (".csv", ".tsv")
HEAD = 200
"""Lines of a log in which its facts stand."""


def gather(paths: Sequence[Path | str]) -> list[Path]:
    """The log files behind files, globs and folders, in name order, each once.

    In a folder: its logs (*.log, *.jsonl), and the run folders below it; where it has none of these, the tables (*.csv,
    *.tsv) and TensorBoard's event files. Of a table and rows of one name the rows are taken: they are complete.
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
            found=", ".join(map(shown, paths)),
            expected="*.log, *.jsonl, *.csv, event files of TensorBoard or run folders",
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
        return [_complete(path)]
    here = [file for file in entries(path) if file.suffix in (TABLE, ROWS) and not file.name.startswith(".")]
    below = [file for name in ("train.log", "train.jsonl") for file in path.rglob(name) if file.parent != path]
    if not here and not below:
        here = [file for file in entries(path) if file.suffix in TABLES or EVENTS in file.name]
        below = [file for file in path.rglob(f"*{EVENTS}*") if file.parent != path]
    return sorted({_complete(file) for file in [*here, *below]})


def _complete(path: Path) -> Path:
    """A run's table is the copy for people; the same rows stand complete in the file of its name with JSON lines."""
    rows = path.with_suffix(ROWS)
    return rows if path.suffix == TABLE and is_file(rows) else path


def read_runs(files: Sequence[Path], schema: LogSchema) -> tuple[list[Run], list[str]]:
    """Every run that can be read, continuations joined, and one note for each thing skipped or mended."""
    runs: list[Run] = []
    notes: list[str] = []
    for path in files:
        try:
            read = read_any(path, schema)
            for run in read:
                _check_drawable(run, schema)
        except (Skipped, InputError) as reason:
            notes.append(f"skipped {_named(path)}: {reason.args[0]}")
            continue
        notes += [f"{_named(path)}: {text}" for run in read for text in run.notes]
        runs += read
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


def _check_drawable(run: Run, schema: LogSchema) -> None:
    """Raises Skipped where a run has a number in no column that is drawn."""
    arm = schema.arm_of(run.facts)
    wanted = [schema.column_of(series.column, arm) for group in schema.groups for series in group.series]
    if not any(np.isfinite(run.columns[name]).any() for name in wanted):
        raise Skipped(f"it has no {' or '.join(wanted)}")


def read_any(path: Path, schema: LogSchema) -> list[Run]:
    """The runs of a file: JSON lines, with the facts of the log and the config beside it, a log table, an export.

    What says nothing of its arm is an arm of its own, under the file's name.
    """
    if EVENTS in path.name:
        return [read_events(path, schema)]
    if path.suffix in TABLES:
        return read_export(path, schema)
    if path.suffix != ROWS:
        run = read_log(path, schema)
    else:
        table = path.with_suffix(TABLE)
        head = read_loose(table).splitlines()[:HEAD] if is_file(table) else []
        run = read_jsonl(path, schema, find_facts(head, schema))
    facts = run.facts | _model(path.parent, schema)
    return [replace(run, facts=facts | {"arm": facts.get("arm") or run.name})]


def _model(folder: Path, schema: LogSchema) -> dict[str, str]:
    """The model of a run folder, setting by setting, where the schema tells runs apart by it.

    The config of a run has what was asked for, that of its checkpoints the defaults too.
    """
    if "model" not in schema.apart:
        return {}
    config, meta = folder / "config.yaml", folder / "checkpoints" / "last" / "meta.json"
    kept = read_json(meta) if is_file(meta) else None
    model: object = kept.get("config") if isinstance(kept, dict) else None
    if model is None and is_file(config):
        model = read_yaml(config).get("model")
    if not isinstance(model, dict) or not model:
        return {}
    plain = {key: value for key, value in model.items() if key != "name" and not isinstance(value, dict | list)}
    return {"model": " ".join([str(model.get("name", "")), *(f"{key}={value}" for key, value in plain.items())])}


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
            if run.seed != "?" and _continues(run, last):
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


def _continues(run: Run, first: Run) -> bool:
    """Whether a run goes on where another was: it begins later than a run of its interval would, and ends later."""
    interval = int(run.steps[1] - run.steps[0]) if run.steps.size > 1 else 0
    return bool(run.steps[0] > max(first.steps[0], interval) and run.steps[-1] > first.steps[-1])
