"""What a run folder says about its run: labels from its config, numbers from its log and from the artifacts in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.analysis.escape import Escapes, fit_exponential
from rrdyn.analysis.puzzles import read_puzzles
from rrdyn.analysis.ranks import auc
from rrdyn.analysis.survival import read_rollout
from rrdyn.artifacts.cells import FILES, read_calibration
from rrdyn.artifacts.errors import InputError, RrdynError, notice
from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.places import existing, is_file, is_folder, resolved, shown, spelled
from rrdyn.artifacts.reading import read_json, read_jsonl, read_yaml
from rrdyn.artifacts.record import Meta, Row, Settings
from rrdyn.artifacts.results import ResultsRecord
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
SHARES = ("accuracy_best", "accuracy_last", "perturbed_accuracy", "test_accuracy", "auc")
"""Of the metrics, those between 0 and 1."""
LABELS = ("task", "model", "aug", "setting")
CONFIG, ROWS = "config.yaml", "train.jsonl"
INCIDENTAL = ("seed", "task", "preset", "trackers", "micro_batch", "save_minutes", "log_every", "compile", "aug.name")


def find_runs(root: Path | str) -> list[Path]:
    """Folders under `root` (or `root` itself) with a config.yaml or a train.jsonl, in name order."""
    root = existing(root, run="rrdyn train sudoku")
    if not is_folder(root):
        raise InputError(f"{shown(root)} is not a folder of runs", found="a file", expected="a folder such as runs/")
    return sorted({path.parent for name in (CONFIG, ROWS) for path in root.rglob(name)})


def read_runs(root: Path | str) -> list[Row]:
    """One row a run folder: `run, task, model, aug, setting, seed` and `METRICS`, None for what the folder lacks."""
    folders = find_runs(root)
    configs = [read_yaml(folder / CONFIG) if is_file(folder / CONFIG) else {} for folder in folders]
    rows = [_labels(folder, config) for folder, config in zip(folders, configs)]
    for row, setting in zip(rows, _settings(rows, configs)):
        row["setting"] = setting
    return [{**row, **_numbers(folder)} for row, folder in zip(rows, folders)]


def _labels(folder: Path, config: Settings) -> Row:
    # runs/<task>-<arch>-<aug>/<date>-s<seed> says the same where there is no config
    named = spelled(resolved(folder).parent.name).split("-", 2)
    task, model, aug = named if len(named) == 3 else (None, None, None)
    seed = re.search(r"-s(\d{1,18})$", resolved(folder).name)
    architecture, augmentation = _section(config, "model"), _section(config, "aug")
    written = config.get("seed")
    return {
        "run": spelled(folder),
        "task": _text(config.get("task")) or task,
        "model": _text(architecture.get("name")) or model,
        "aug": _text(augmentation.get("name")) or aug,
        "preset": _text(config.get("preset")),
        "setting": _text(config.get("preset")),
        "seed": written if type(written) is int and abs(written) < 1 << 63 else int(seed[1]) if seed else None,
    }


def _text(value: Any) -> str | None:
    """A label; what is no label in a config.yaml of another program is shown as it is."""
    return None if value is None else str(value)[:200]


def _section(config: Settings, key: str) -> Settings:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def _settings(rows: Sequence[Row], configs: Sequence[Settings]) -> list[str | None]:
    """The preset, with the values of what differs between runs that share all labels."""
    flat = [{key: value for key, value in _flatten(config) if key not in INCIDENTAL} for config in configs]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(tuple(row[label] for label in LABELS), []).append(place)
    settings = [_text(row["setting"]) for row in rows]
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


def _without_seed(path: Any, row: Row) -> str:
    """A starting checkpoint's path with its run folder's date and the row's own seed blotted out."""
    return re.sub(rf"\b(\d{{8}}(-\d+)?-)?s{row['seed']}\b", "s*", str(path))


def _flatten(value: Settings, prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flatten(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _numbers(folder: Path) -> dict[str, float | None]:
    found: dict[str, float | None] = dict.fromkeys(METRICS)
    for read in (_from_log, _from_analysis, _from_survival, _from_calibration):
        try:
            found |= {key: None if value is None else _known(value) for key, value in read(folder).items()}
        except RrdynError as error:
            notice(f"{shown(folder)}: {error.problem}; left out")
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError) as error:
            what = read.__name__.removeprefix("_from_")
            notice(f"{shown(folder)}: {what} cannot be read ({error!r}); left out")
    return found


def _results(folder: Path, pattern: str) -> list[Path]:
    """Artifacts of a run, in name order; those that a later measurement set aside (NAME.1.npz) are none of its."""
    return [path for path in sorted(folder.rglob(pattern)) if not re.search(r"\.\d+\.npz$", path.name)]


def _from_log(folder: Path) -> dict[str, float | None]:
    """Best and last accuracy, and the last accuracy from a perturbed start, of train.jsonl."""
    path = folder / ROWS
    if not is_file(path):
        return {}
    rows = read_jsonl(path)
    accuracies, perturbed = _column(rows, "acc"), _column(rows, "acc_pert")
    return {
        "accuracy_best": max(accuracies, default=None),
        "accuracy_last": accuracies[-1] if accuracies else None,
        "perturbed_accuracy": perturbed[-1] if perturbed else None,
    }


def _column(rows: Sequence[Meta], key: str) -> list[float]:
    return [float(row[key]) for row in rows if isinstance(row.get(key), int | float)]


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


def _split(meta: Meta) -> str | None:
    dataset = meta.get("dataset")
    return dataset.get("split") if isinstance(dataset, dict) else None


def _from_results(folder: Path) -> dict[str, float | None]:
    records = [read_json(path, ResultsRecord) for path in sorted(folder.rglob("results_*.json"))]
    records = [record for record in records if record.intervals is not None]
    if not records:
        return {}
    record = max(records, key=lambda item: item.step or 0)
    names = {
        "lambda_1_correct": "spectrum_median.correct",
        "lambda_1_wrong": "spectrum_median.wrong",
        "auc": "auc.neg_lam1_predicts_correct_overall",
    }
    found = {key: record.interval(name) for key, name in names.items()}
    return {key: None if interval is None else interval.value for key, interval in found.items()}


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
    scales = [read_calibration(path).scale for path in sorted(folder.rglob(FILES[0]))]
    known = [scale for scale in scales if scale is not None]
    for path in _results(folder, "perturb*.npz") if not known else ():
        found = read_npz(path, PERTURB).meta.get("sigma_star")
        if isinstance(found, int | float):
            known.append(float(found))
    return {"sigma_star": float(np.mean(known))} if known else {}


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
