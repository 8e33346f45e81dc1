"""What a run folder says about its run: labels from its config, numbers from its log and from the artifacts in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.analysis.escape import Escapes, fit_exponential
from rrdyn.analysis.puzzles import read_puzzles
from rrdyn.analysis.ranks import auc
from rrdyn.analysis.survival import read_rollout
from rrdyn.artifacts.config import read_yaml
from rrdyn.artifacts.errors import InputError, RrdynError, notice
from rrdyn.artifacts.files import existing, read_json
from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import PERTURB

METRICS = (
    "accuracy_best",
    "accuracy_last",
    "perturbed_accuracy",
    "test_accuracy",
    "lambda_1_correct",
    "lambda_1_wrong",
    "auc",
    "escape_rate",
    "sigma_star",
)
LABELS = ("task", "model", "aug", "setting")
CONFIG, ROWS = "config.yaml", "train.jsonl"
INCIDENTAL = ("seed", "task", "preset", "trackers", "micro_batch", "save_minutes", "log_every", "compile", "aug.name")


def find_runs(root: Path | str) -> list[Path]:
    """Folders under `root` (or `root` itself) with a config.yaml or a train.jsonl, in name order."""
    root = existing(root, run="rrdyn train sudoku")
    if not root.is_dir():
        raise InputError(f"{root} is not a folder of runs", found="a file", expected="a folder such as runs/")
    return sorted({path.parent for name in (CONFIG, ROWS) for path in root.rglob(name)})


def read_runs(root: Path | str) -> list[dict[str, Any]]:
    """One row a run folder: `run, task, model, aug, setting, seed` and `METRICS`, None for what the folder lacks."""
    folders = find_runs(root)
    configs = [read_yaml(folder / CONFIG) if (folder / CONFIG).is_file() else {} for folder in folders]
    rows = [_labels(folder, config) for folder, config in zip(folders, configs)]
    for row, setting in zip(rows, _settings(rows, configs)):
        row["setting"] = setting
    return [row | _numbers(folder) for row, folder in zip(rows, folders)]


def _labels(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    # runs/<task>-<arch>-<aug>/<date>-s<seed> says the same where there is no config
    named = folder.resolve().parent.name.split("-", 2)
    task, model, aug = named if len(named) == 3 else (None, None, None)
    seed = re.search(r"-s(\d+)$", folder.resolve().name)
    architecture, augmentation = _section(config, "model"), _section(config, "aug")
    return {
        "run": str(folder),
        "task": config.get("task") or task,
        "model": architecture.get("name") or model,
        "aug": augmentation.get("name") or aug,
        "preset": config.get("preset"),
        "setting": config.get("preset"),
        "seed": config.get("seed", int(seed[1]) if seed else None),
    }


def _section(config: dict[str, Any], key: str) -> dict[str, Any]:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def _settings(rows: list[dict[str, Any]], configs: list[dict[str, Any]]) -> list[str | None]:
    """The preset, with the values of what differs between runs that share all labels."""
    flat = [{key: value for key, value in _flatten(config) if key not in INCIDENTAL} for config in configs]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(tuple(row[label] for label in LABELS), []).append(place)
    settings: list[str | None] = [row["setting"] for row in rows]
    for places in groups.values():
        starts = {place: flat[place].get("init") for place in places}
        own = {place: _without_seed(start, rows[place]) for place, start in starts.items()}
        if len(set(own.values())) < len({str(start) for start in starts.values()}):  # each seed goes on from its own
            for place in places:
                flat[place]["init"] = own[place]
        keys = {key for place in places for key in flat[place]}
        differing = sorted(key for key in keys if len({str(flat[place].get(key)) for place in places}) > 1)
        for place in places:
            extra = [f"{key}={flat[place].get(key)}" for key in differing]
            settings[place] = " ".join([*filter(None, [settings[place]]), *extra]) or None
    return settings


def _without_seed(path: Any, row: dict[str, Any]) -> str:
    """A starting checkpoint's path with its run folder's date and the row's own seed blotted out."""
    return re.sub(rf"\b(\d{{8}}(-\d+)?-)?s{row['seed']}\b", "s*", str(path))


def _flatten(value: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flatten(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _numbers(folder: Path) -> dict[str, float | None]:
    found: dict[str, float | None] = dict.fromkeys(METRICS)
    for read in (_from_log, _from_analysis, _from_survival, _from_calibration):
        try:
            found |= read(folder)
        except RrdynError as error:
            notice(f"{folder}: {error.problem}; left out")
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            notice(f"{folder}: {read.__name__.removeprefix('_from_')} cannot be read ({error!r}); left out")
    return {key: None if value is None else _known(value) for key, value in found.items()}


def _results(folder: Path, pattern: str) -> list[Path]:
    """Artifacts of a run, in name order; those that a later measurement set aside (NAME.1.npz) are none of its."""
    return [path for path in sorted(folder.rglob(pattern)) if not re.search(r"\.\d+\.npz$", path.name)]


def _from_log(folder: Path) -> dict[str, float | None]:
    """Best and last accuracy, and the last accuracy from a perturbed start, of train.jsonl."""
    path = folder / ROWS
    if not path.is_file():
        return {}
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # the line that a killed process was writing
            continue
        if isinstance(row, dict):
            rows.append(row)
    accuracies = [row["acc"] for row in rows if row.get("acc") is not None]
    perturbed = [row["acc_pert"] for row in rows if row.get("acc_pert") is not None]
    return {
        "accuracy_best": max(accuracies, default=None),
        "accuracy_last": accuracies[-1] if accuracies else None,
        "perturbed_accuracy": perturbed[-1] if perturbed else None,
    }


def _from_analysis(folder: Path) -> dict[str, float | None]:
    """Accuracy on the test split, medians of lambda_1 and its AUC: from diag*.npz where there are any, the test split's
    before others, of the largest step."""
    files = [read_puzzles(path) for path in _results(folder, "diag*.npz")]
    if not files:
        return _from_results(folder)
    puzzles = max(files, key=lambda item: (_split(item.meta) == "test", item.step or 0))
    first, correct = puzzles.lambda_1, puzzles.correct
    return {
        "test_accuracy": float(correct.mean()) if _split(puzzles.meta) == "test" else None,
        "lambda_1_correct": float(np.median(first[correct])) if correct.any() else None,
        "lambda_1_wrong": float(np.median(first[~correct])) if not correct.all() else None,
        "auc": auc(-first, correct),
    }


def _split(meta: dict[str, Any]) -> str | None:
    dataset = meta.get("dataset")
    return dataset.get("split") if isinstance(dataset, dict) else None


def _from_results(folder: Path) -> dict[str, float | None]:
    records = [read_json(path) for path in sorted(folder.rglob("results_*.json"))]
    records = [record for record in records if isinstance(record, dict) and "intervals" in record]
    if not records:
        return {}
    record = max(records, key=lambda item: item.get("step") or 0)
    bounds = record["intervals"]
    return {
        "lambda_1_correct": bounds["spectrum_median.correct"][0]["value"],
        "lambda_1_wrong": bounds["spectrum_median.wrong"][0]["value"],
        "auc": bounds["auc.neg_lam1_predicts_correct_overall"]["value"],
    }


def _from_survival(folder: Path) -> dict[str, float | None]:
    """The exponential escape rate per segment of the rollout in the folder."""
    for path in _results(folder, "rollout*.npz"):
        rollout = read_rollout(path)
        if not rollout.failed.any():
            return {"escape_rate": None}
        return {"escape_rate": fit_exponential(Escapes.of(*rollout.escapes())).rate.value}
    return {}


def _from_calibration(folder: Path) -> dict[str, float | None]:
    """sigma*: the mean c_star of the run's calibrated cells, else what its perturb.npz was calibrated to."""
    values = [read_json(path).get("c_star") for path in sorted(folder.rglob("calib.json"))]
    known = [float(value) for value in values if value is not None]
    for path in _results(folder, "perturb*.npz") if not known else ():
        found = read_npz(path, PERTURB).meta.get("sigma_star")
        if isinstance(found, int | float):
            known.append(float(found))
    return {"sigma_star": float(np.mean(known))} if known else {}


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
