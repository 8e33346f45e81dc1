"""Two folders of results, file by file: a refactor leaves every number where it was, bit for bit.

    rrdyn demo --tiny --out before/tiny        at the old commit; then, from the same place, after/tiny at the new one
    python scripts/compare_studies.py before after [--allow PATTERN ...]

Arrays (.npz, .npy, .safetensors), records (.json, .jsonl) and tables (.csv): names, shapes, kinds and every bit. The
second folder may have more files, arrays, columns and keys, not less. What tells of the run and not of its result is
left out: command, commit, versions, digests of inputs, speeds. PATTERN is a correction that was meant, as the report
names it, for example `diag.npz:lyap_low` or `*/results_*.json:auc.*`. Exits 1 at any other difference, and where such a
correction did not occur.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

# Of the run, not of its result. Speeds stand in logs and in plans.
RUN = {"rrdyn_version", "git_commit", "command", "config_hash", "inputs", "libraries", "sps", "eta", "done"}
READ = {".npz", ".npy", ".safetensors", ".json", ".jsonl", ".csv"}


def contents(path: Path) -> dict[str, object]:
    """Name -> array, or leaf of a record, or column of a table."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            found: dict[str, object] = {}
            for name in arrays.files:
                record = name == "meta" and arrays[name].ndim == 0
                found |= dict(leaves(json.loads(str(arrays[name])), name)) if record else {name: arrays[name]}
            return found
    if path.suffix == ".npy":
        return {"array": np.load(path, allow_pickle=False)}
    if path.suffix == ".safetensors":
        return dict(load_file(path))
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        return {name: [row[at] for row in rows[1:]] for at, name in enumerate(rows[0])} if rows else {}
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return dict(leaves(json.loads(text), ""))
    return {key: value for at, line in enumerate(text.splitlines()) for key, value in leaves(json.loads(line), str(at))}


def leaves(record: object, place: str) -> Iterator[tuple[str, object]]:
    """A record's leaves under dotted names, without what tells of the run; a list is a leaf."""
    if isinstance(record, dict):
        for key, value in record.items():
            if key not in RUN:
                yield from leaves(value, f"{place}.{key}".lstrip("."))
    else:
        yield place, record


def equal(before: object, after: object) -> bool:
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray):
        same_kind = before.dtype == after.dtype and before.shape == after.shape
        return same_kind and before.tobytes() == after.tobytes()
    return json.dumps(before) == json.dumps(after)  # NaN equals itself, 0.0 is not -0.0, 1 is not 1.0


def described(before: object, after: object) -> str:
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray):
        if before.dtype != after.dtype or before.shape != after.shape:
            return f"{before.dtype}{list(before.shape)} became {after.dtype}{list(after.shape)}"
        changed = before != after
        if before.dtype.kind in "fc":
            changed &= ~(np.isnan(before) & np.isnan(after))
            with np.errstate(invalid="ignore"):
                return f"{changed.sum()} of {before.size} differ, by up to {np.nanmax(np.abs(before - after)):.3g}"
        return f"{changed.sum()} of {before.size} differ"
    return f"{json.dumps(before)[:60]} became {json.dumps(after)[:60]}"


def differences(before: Path, after: Path) -> Iterator[tuple[str, str]]:
    """(name, what differs) of everything in BEFORE that AFTER has not, or has otherwise."""
    for path in sorted(path for path in before.rglob("*") if path.suffix in READ and path.is_file()):
        name = path.relative_to(before).as_posix()
        other = after / name
        if not other.is_file():
            yield name, "is gone"
            continue
        theirs = contents(other)
        for key, value in contents(path).items():
            if key not in theirs:
                yield f"{name}:{key}", "is gone"
            elif not equal(value, theirs[key]):
                yield f"{name}:{key}", described(value, theirs[key])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--allow", nargs="+", default=[], metavar="PATTERN", help="differences that are corrections")
    args = parser.parse_args()
    for folder in (args.before, args.after):
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder")
    compared = [path for path in args.before.rglob("*") if path.suffix in READ and path.is_file()]
    if not compared:
        parser.error(f"{args.before} holds no results")
    unused, refused, allowed = set(args.allow), 0, 0
    for name, what in differences(args.before, args.after):
        patterns = {pattern for pattern in args.allow if fnmatchcase(name, pattern)}
        unused -= patterns
        allowed += bool(patterns)
        refused += not patterns
        print(f"{'allowed' if patterns else 'DIFFERS'}  {name}: {what}")
    for pattern in sorted(unused):
        print(f"UNUSED   {pattern}: nothing of that name differs")
    print(f"{len(compared)} files, {refused} differences, {allowed} allowed")
    return int(bool(refused or unused))


if __name__ == "__main__":
    sys.exit(main())
