"""What a file or folder is: asks the room that knows each kind."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.npz import Artifact, look_npz
from rrdyn.artifacts.places import entries, existing, is_file, is_folder, shown
from rrdyn.artifacts.reading import open_text, read_json, read_yaml
from rrdyn.artifacts.record import Settings, Written
from rrdyn.artifacts.schema import Schema
from rrdyn.artifacts.schemas import SCHEMAS
from rrdyn.plotting.log_exports import EVENTS, STEPS
from rrdyn.runtime.hub_address import is_address
from rrdyn.studies.inspected import (
    Architecture,
    ArrayRecord,
    Arrays,
    Lists,
    Log,
    Object,
    Other,
    Preset,
    Puzzles,
    Steps,
    Study,
    Table,
)  # fmt: skip
from rrdyn.studies.steps import read_memory

Described = tuple[Written, str]
LISTED = 24
MOST_READ = 1 << 24
"""Bytes of an array above which it is told by its header alone."""
KINDS = (
    "an artifact (.npz of " + ", ".join(SCHEMAS) + "; .json), a table (.csv, .tsv), a checkpoint (.pt, .safetensors, "
    "upstream's step_N, or a folder of them), a run, a study or a dataset folder"
)
TABLES = (".csv", ".tsv")
LISTS = (".txt", ".sdm", ".lst")
NAMES = ("", ".yaml", ".json", ".pt", ".pth", ".bin", ".safetensors")
"""How the names of checkpoints, and of the files beside them, end."""


def inspect(path: Path | str) -> Described:
    """A record and a text on an artifact, table, log, checkpoint, run or dataset. Raises InputError for all else."""
    if is_address(path):
        from rrdyn.runtime.hub import pull

        path = pull(str(path))
    path = existing(path)
    if is_folder(path):
        return _folder(path)
    if path.suffix == ".npz":
        return npz(look_npz(path, most=MOST_READ))
    if path.suffix in TABLES:
        return table(path)
    if path.suffix == ".json" and path.name != "meta.json":
        return record(path)
    if path.suffix in LISTS and (found := listed(path)):
        return found
    if path.suffix in (".log", ".jsonl") or EVENTS in path.name:
        return log(path)
    try:
        return _checkpoint(path)
    except InputError as error:
        if path.suffix in (".yaml", ".yml") and (known := settings(path)):
            return known
        if path.suffix in NAMES:
            raise
        raise InputError(f"{shown(path)} is of no kind that rrdyn knows", found=error.found, expected=KINDS) from None


def _checkpoint(path: Path) -> Described:
    from rrdyn.data.finding import find_dataset
    from rrdyn.models.description import describe

    return describe(path, find=find_dataset)


def _folder(path: Path) -> Described:
    from rrdyn.data.folder import split_names

    names = [child.name for child in entries(path)]
    if split_names(path) or is_file(path / "dataset.json") or any(name.endswith("_meta.json") for name in names):
        from rrdyn.data.inspection import describe

        data, text = describe(path)
        return data, text
    if is_folder(path / "checkpoints"):
        return run_folder(path)
    if is_file(path / "study.json"):
        return study_folder(path)
    try:
        return _checkpoint(path)
    except InputError:
        if found := folder_of_lists(path, names):
            return found
        raise


def folder_of_lists(path: Path, names: Iterable[str]) -> Described | None:
    """A folder whose tables or lists hold puzzles, as datasets are published. None where none of them does."""
    found: dict[str, tuple[Puzzles, str]] = {}
    for name in names:
        if Path(name).suffix in (*TABLES, *LISTS) and is_file(path / name) and (held := listed(path / name)):
            found[name] = held
    if not found:
        return None
    wide, train = max(map(len, found)), next((name for name in found if "train" in name), next(iter(found)))
    lines = [f"{path}", "a folder of puzzle lists, of which rrdyn data makes a dataset"]
    lines += [f"{name:<{wide}}  {text.splitlines()[1]}" for name, (_, text) in found.items()]
    like = found[train][0]
    record = Lists(kind="lists", puzzle=like.puzzle, answers=like.answers, train=train, files=list(found))
    return record, "\n".join(lines)


def study_folder(path: Path) -> Described:
    """A study as `rrdyn demo` makes it: its runs, its files, the command lines that made them."""
    runs = [child.name for child in entries(path) if is_folder(child / "checkpoints")]
    done = read_memory(path / "study.json").done
    results = sorted(str(p.relative_to(path)) for p in path.rglob("*.npz") if not p.name.startswith("."))
    lines = [f"a study: {path}", f"runs        {', '.join(runs)}", f"results     {', '.join(results[:LISTED])}", ""]
    lines += _timed(done)
    return Study(kind="study", runs=runs, results=results, done=done), "\n".join(lines)


def _timed(done: Mapping[str, float]) -> list[str]:
    return [f"{seconds:>8.1f} s  {command}" for command, seconds in done.items()]


def run_folder(path: Path) -> Described:
    """A run: its checkpoints, its results, and the checkpoint it would be taken for."""
    from rrdyn.data.finding import find_dataset
    from rrdyn.models.description import describe
    from rrdyn.studies.run_record import Run

    checkpoints = [child.name for child in entries(path / "checkpoints") if not child.name.startswith(".")]
    results = sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.suffix in (".npz", ".html", ".pdf"))
    data, text = describe(path, find=find_dataset)
    lines = [f"a run folder: {path}", f"checkpoints {', '.join(checkpoints)}"]
    if results:
        lines.append(f"results     {', '.join(results[:LISTED])}" + (" ..." if len(results) > LISTED else ""))
    lines += ["", "its checkpoint:", text]
    return Run(kind="run", checkpoints=checkpoints, results=results, checkpoint=data), "\n".join(lines)


def npz(artifact: Artifact) -> Described:
    """The arrays of an npz file with shapes, meanings and a few statistics, and its provenance."""
    schema = artifact.schema or _matching(artifact)
    documented = schema.arrays if schema else {}
    rows: list[ArrayRecord] = []
    for key, array in artifact.arrays.items():
        spec = documented.get(key)
        rows.append(ArrayRecord(name=key, shape=list(array.shape), dtype=str(array.dtype), **_statistics(array),
                                meaning=spec.doc if spec else None))  # fmt: skip
    what = f"{schema.name}: {schema.doc}" if schema else "an npz file of no known schema"
    if schema and artifact.schema is None:
        what += " (by its keys: it names no schema)"
    lines = [f"{artifact.path}", what, ""]
    wide = max((len(row.name) for row in rows), default=0)
    for row in rows:
        shape = "x".join(map(str, row.shape)) or "scalar"
        large = artifact[row.name].nbytes > MOST_READ
        words = f"{artifact[row.name].nbytes / 1e6:,.0f} MB, not read" if large else _in_words(row)
        lines.append(f"{row.name:<{wide}} {shape:<14} {row.dtype:<8} {words:<44} {row.meaning or ''}".rstrip())
    meta = {key: value for key, value in artifact.meta.items() if value is not None}
    lines += ["", *_aligned(meta)] if meta else ["", "no provenance inside"]
    return Arrays(kind=schema.name if schema else "npz", arrays=rows, meta=artifact.meta), "\n".join(lines)


def _matching(artifact: Artifact) -> Schema | None:
    """The schema whose required arrays a file without a named one has."""
    for schema in SCHEMAS.values():
        try:
            schema.check(artifact.arrays, str(artifact.path))
        except InputError:
            continue
        return schema
    return None


def _statistics(array: np.ndarray) -> dict[str, Any]:
    """True share of a flag; least, median and largest of numbers, and how many are not finite."""
    if array.size == 0 or array.dtype.kind not in "biuf" or array.nbytes > MOST_READ:
        return {}
    if array.dtype.kind == "b":
        return {"true": float(array.mean())}
    values = np.asarray(array, dtype=np.float64).ravel()
    finite = values[np.isfinite(values)]
    found: dict[str, Any] = {"not_finite": int(values.size - finite.size)}
    if finite.size:
        found |= {"min": float(finite.min()), "median": float(np.median(finite)), "max": float(finite.max())}
    return found


def _in_words(row: ArrayRecord) -> str:
    if row.true is not None:
        return f"{row.true:.1%} true"
    words = "" if row.min is None else f"{row.min:.4g} .. {row.median:.4g} .. {row.max:.4g}"
    return words + (f", {row.not_finite} not finite" if row.not_finite else "")


def _aligned(rows: Mapping[str, object]) -> list[str]:
    wide = max(map(len, rows), default=0)
    return [f"{key:<{wide}}  {_short(value)}" for key, value in rows.items()]


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_short(item)}" for key, item in value.items())[:400]
    return str(value)[:400]


def record(path: Path) -> Described:
    """A JSON artifact: its schema and what it holds."""
    if path.name == "study.json":
        done = read_memory(path).done
        lines = [f"what a study remembers: {path}", *_timed(done)]
        return Steps(kind="steps", done=done), "\n".join(lines)
    content = read_json(path)
    if not isinstance(content, dict):
        kind = type(content).__name__
        size = f" of {len(content)}" if isinstance(content, list | str) else ""
        return Other(kind="json", type=kind), f"{path}\na JSON {kind}{size}"
    name = content.get("schema")
    lines = [f"{path}", f"{name} file" if name else "a JSON object of no named schema", ""]
    sizes = {
        key: f"{type(value).__name__} of {len(value)}" if isinstance(value, dict | list) else value
        for key, value in content.items()
    }
    lines += _aligned(sizes)
    meta = content.get("meta")
    if isinstance(meta, dict):
        lines += ["", *_aligned({key: value for key, value in meta.items() if value is not None})]
    kind = name if name and isinstance(name, str) else "json"
    return Object(kind=kind, keys=list(content), meta=meta if isinstance(meta, dict) else None), "\n".join(lines)


def table(path: Path) -> Described:
    """A table: its columns and rows."""
    with open_text(path) as stream:
        rows = csv.reader(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
        columns = next(rows, [])
        count = sum(1 for _ in rows)
    if (found := listed(path)) is not None:
        return found
    curves = bool({name.strip().lower() for name in columns} & set(STEPS))
    what = "training curves" if curves else "a table"
    text = f"{path}\n{what} of {count} rows: {', '.join(columns)}"
    return Table(kind="log" if curves else "table", columns=columns, rows=count), text


def listed(path: Path) -> tuple[Puzzles, str] | None:
    """A table or a list of puzzles: how it is laid out, of which size they are. None where it holds none."""
    from rrdyn.data.csv_layout import DELIMITERS, head_of
    from rrdyn.data.registry import makeable

    for kind in makeable().values():
        try:
            layout, question = head_of(path, kind)
        except InputError as error:
            if "Git-LFS" in error.problem:
                raise
            continue
        if (puzzle := kind.fitting(len(question))) is None or not puzzle.plausible(question):
            continue
        answers = "with answers" if layout.answer is not None else "without answers: the solver makes them"
        text = (
            f"{path}\n{kind.name} puzzles of {puzzle.height}x{puzzle.width}, {answers}\n"
            f"separated by {DELIMITERS[layout.delimiter]}" + ("" if layout.headed else ", no first line of names")
        )
        return Puzzles(kind="puzzles", puzzle=kind.name, answers=layout.answer is not None), text
    return None


def log(path: Path) -> Described:
    """A training log: its runs, what is drawn of them, from where to where. Raises InputError where it is none."""
    from rrdyn.plotting.log_schema import read_schema
    from rrdyn.plotting.logs import Skipped
    from rrdyn.plotting.runs import read_any

    try:
        runs = read_any(path, read_schema("rrdyn"))
    except Skipped as reason:
        raise InputError(
            f"{shown(path)} is no training log that can be drawn", found=str(reason), expected="steps with loss or acc",
            run="rrdyn plot dynamics FILE --schema FILE.yaml, for a log of another form",
        ) from None  # fmt: skip
    lines = [f"{path}", f"a training log of {len(runs)} run" + ("s" if len(runs) != 1 else "")]
    for run in runs:
        drawn = [name for name, values in run.columns.items() if np.isfinite(values).any()]
        lines.append(f"{run.facts['arm']}: steps {run.steps[0]:,} to {run.steps[-1]:,}, {', '.join(drawn)}")
    return Log(kind="log", runs=[run.facts for run in runs]), "\n".join(lines)


def settings(path: Path) -> Described | None:
    """A YAML file: the config of a model, or settings of ours. None where it is neither."""
    from rrdyn.models.foreign import configured, is_arch

    content = read_yaml(path)
    if is_arch(content) and (found := configured(content)) is not None:
        text = f"{path}\nthe config of a model, {found.arch.get('name') or 'of no named family'}; no weights beside it"
        return Architecture(kind="config", fields=list(found.arch), model=architecture(found.arch)), text
    if "model" in content and ({"steps", "optim", "dataset"} & content.keys()):
        return Preset(kind="recipe", fields=list(content)), f"{path}\na training preset: {', '.join(content)}"
    return None


def architecture(arch: Mapping[str, Any]) -> Settings | None:
    """The model that a config describes, without the sizes that its puzzles give it; None where no family has it."""
    from rrdyn.models.building import model_config
    from rrdyn.models.config import SIZES

    try:
        config = model_config(arch, seq_len=1, vocab_size=1)
    except (InputError, UsageError):
        return None
    return config.model_dump(mode="json", exclude={*SIZES, "forward_dtype"}, exclude_unset=True)
