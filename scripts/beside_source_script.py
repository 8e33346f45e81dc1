"""The analysis beside the source study's own script: the same diag.npz to both, every number compared.

    python scripts/beside_source_script.py analyze_2x2.py runs/study-cpu --out docs/study/beside

analyze_2x2.py is the source study's (its repository `rrm` at 66e0d8b). Its `analyze` is called on the diag.npz of every
model under the folder, `rrdyn analyze-2x2 --compat` beside it. Writes `source.csv`: a row a model, how many numbers of
results, cells and sweep were compared, and the largest difference (a number that is NaN in both is equal).
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl

from rrdyn.artifacts.files import make_folder
from rrdyn.artifacts.frame import write_frame
from rrdyn.cli.app import main as rrdyn

TAG = "beside"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", type=Path)
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    source = module(args.script)
    rows = []
    for diag in sorted(args.study.rglob("diag.npz")):
        with tempfile.TemporaryDirectory() as name:
            theirs, ours = (make_folder(Path(name) / part) for part in ("theirs", "ours"))
            source.HERE = theirs
            source.analyze(diag, TAG, False)
            code = rrdyn(["analyze-2x2", str(diag), "--compat", "--tag", TAG, "--out", str(ours), "--quiet"])
            assert code == 0, diag
            compared = list(differences(theirs, ours))
        rows.append({"model": diag.parent.relative_to(args.study).as_posix(), "numbers": len(compared),
                     "largest_difference": max(compared)})  # fmt: skip
    write_frame(make_folder(args.out) / "source.csv", pl.DataFrame(rows))


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("source_script", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def differences(theirs: Path, ours: Path) -> Iterator[float]:
    """|theirs - ours| of every number that the script wrote."""
    known, found = (json.loads((folder / f"results_{TAG}.json").read_text()) for folder in (theirs, ours))
    del known["npz"]
    yield from apart(known, found, "results")
    for name in (f"cells_{TAG}.csv", f"sweep_{TAG}.csv"):
        rows, others = (list(csv.DictReader((folder / name).open())) for folder in (theirs, ours))
        assert len(rows) == len(others), name
        for row, other in zip(rows, others):
            for key, value in row.items():
                yield from apart(value, other[key], f"{name}: {key}")


def apart(known: Any, found: Any, where: str) -> Iterator[float]:
    if isinstance(known, dict):
        for key, value in known.items():
            yield from apart(value, found[key], f"{where}/{key}")
    elif isinstance(known, list):
        assert len(known) == len(found), where
        for value, other in zip(known, found):
            yield from apart(value, other, where)
    elif (left := number(known)) is None:
        assert known == found, (where, known, found)
    else:
        right = number(found)
        assert right is not None, (where, found)
        alone = math.isnan(left) != math.isnan(right)
        yield math.inf if alone else 0.0 if math.isnan(left) else abs(left - right)


def number(value: Any) -> float | None:
    """A number as one, None for words; nothing where a number would be is NaN."""
    if value is None or value == "":
        return math.nan
    try:
        return float(value)
    except ValueError:
        return None


if __name__ == "__main__":
    main()
