"""The page of a pushed checkpoint on the Hub, written from what the checkpoint says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from rrdyn.analysis.intervals import rate
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.places import is_file, is_folder
from rrdyn.artifacts.record import Meta
from rrdyn.models.description import Description, describe
from rrdyn.models.exporting import task_name
from rrdyn.models.layouts import locate
from rrdyn.runtime.hub import CARD

SHARES = (
    ("acc", "eval_n", "Exact accuracy", "exactly right answers"),
    ("acc_pert", "eval_perturbed_n", "Exact accuracy, perturbed start", "exactly right answers from a perturbed start"),
)
"""Shares in a checkpoint's evaluation: the key, that of its n, the metric's name, and what it counts."""


def card_of(path: Path, place: str, licence: str | None) -> str | None:
    """The text of the card of a checkpoint; None for what is none, and where the folder brings its own.

    `licence`: an identifier as the Hub knows it (mit, apache-2.0, other). Raises UsageError where there is none.
    """
    if is_folder(path) and is_file(path / CARD):
        return None
    try:
        record, text = describe(path)
    except InputError:
        return None
    if licence is None:
        raise UsageError(
            "a model card says under which licence the weights may be used, and none is given",
            expected="--license mit, apache-2.0, cc-by-4.0, other, or another that the Hub knows",
            run=f"rrdyn hub push {path} {place} --license ID  (--no-card sends the files without a card)",
        )
    return _card(record, text, locate(path).meta or {}, place, licence)


def _card(record: Description, text: str, meta: Meta, place: str, licence: str) -> str:
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    family, task = str(record.config["name"]), _task(record, meta)
    measured = _measured(meta)
    named = _dataset(record, meta)
    name = place.removeprefix("hub://").partition("@")[0]
    data = ModelCardData(
        model_name=name,
        license=licence,
        library_name="rrdyn",
        tags=["rrdyn", family, "recursive-reasoning", *([task] if task else [])],
        eval_results=[
            EvalResult(
                task_type="puzzle-solving", dataset_type=named, dataset_name=named, dataset_split=_split(meta),
                metric_type="accuracy", metric_name=title, metric_value=share.value,
                metric_args={"n": share.n, "low": share.low, "high": share.high, "level": share.level,
                             "method": share.method},
            )
            for title, _, share in measured
        ]
        or None,
    )  # fmt: skip
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{_body(record, text, meta, measured, name)}"))


def _body(record: Description, text: str, meta: Meta, measured: list[tuple[str, str, Interval]], name: str) -> str:
    """What a person reads: what it is, how it is opened, what was measured, where it came from."""
    lines = [f"# {name}", "", f"{record.what[:1].upper()}{record.what[1:]}: {record.parameters['all']:,} parameters."]
    lines += ["", "```python", "import rrdyn", "", f'model = rrdyn.load("hub://{name}")', "```", ""]
    if measured:
        lines += ["## Measured", "", f"On {meta.get('validation') or 'its validation puzzles'}, as training ended.", ""]
        lines += ["| share of | value | 95% interval | n | interval by |", "|---|---|---|---|---|"]
        lines += [
            f"| {what} | {share.value:.4f} | {share.low:.4f} to {share.high:.4f} | {share.n} | {share.method} |"
            for _, what, share in measured
        ]
        lines.append("")
    else:
        lines += ["The checkpoint holds no measurement of its own.", ""]
    places = ("file ", "dataset ")  # where things lay on somebody's machine
    told = [line for line in text.splitlines() if not line.startswith(places)]
    return "\n".join([*lines, "## The checkpoint", "", "```text", *told, "```", ""])


def _measured(meta: Meta) -> list[tuple[str, str, Interval]]:
    """(metric, what it counts, share with its interval) of the evaluation that a checkpoint of ours keeps."""
    kept = meta.get("evaluation")
    if not isinstance(kept, Mapping):
        return []
    found = []
    for key, count, title, what in SHARES:
        value, n = kept.get(key), kept.get(count)
        if _is_share(value) and isinstance(n, int) and n > 0:
            found.append((title, what, rate(round(value * n), n)))
    return found


def _is_share(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _dataset(record: Description, meta: Meta) -> str:
    """The dataset by its name; of a folder only the last part of its path."""
    kept = meta.get("dataset")
    name = kept.get("name") if isinstance(kept, Mapping) else None
    return str(name or Path(record.expects.dataset or "unknown").name)


def _split(meta: Meta) -> str | None:
    """The split of "16 puzzles of the val split"."""
    words = str(meta.get("validation") or "").split()
    return words[-2] if words[-1:] == ["split"] else None


def _task(record: Description, meta: Meta) -> str | None:
    task = meta.get("task") or (task_name(record.expects.dataset) if record.expects.dataset else None)
    return str(task) if task else None
