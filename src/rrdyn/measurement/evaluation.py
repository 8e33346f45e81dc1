"""Accuracy of a checkpoint after each segment of the budget, and with real halting.

At the fixed budget every puzzle runs all segments. With halting a puzzle stops at the first segment whose readout
says so (q_halt > 0, or q_halt > q_continue for a model with a continue head), at the latest at the end of the budget,
and leaves the batch: what is computed is what is counted. Both give the same answers at the halting segment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.rates import Z95, wilson
from rrdyn.measurement.subject import Questions, Subject
from rrdyn.models import Latent, Model, Readout
from rrdyn.runtime.progress import Progress
from rrdyn.runtime.threads import completed

Arrays = dict[str, np.ndarray]


class EvaluationConfig(Config):
    """What is evaluated, and how."""

    n: Annotated[int, Field(ge=1)] | None = 1024
    """Puzzles, drawn from the split without replacement; None for all."""
    segments: Annotated[int, Field(ge=1, le=1 << 20)] | None = None
    """The budget; default the model's own (halt_max_steps)."""
    halt: bool = False
    """Only run with halting: puzzles that halt are not computed further."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Names the choice of puzzles."""
    batch: Annotated[int, Field(ge=1)] | None = None
    """Puzzles at a time on each device (each thread of a CPU); default 16 on a CPU, 256 on a GPU. The last digit of
    q_halt can depend on it: 1 gives those of `rrdyn diagnose`."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What came of it. N puzzles, S segments; after its halting segment a puzzle that left has NaN, or -1 in preds."""

    idx: np.ndarray
    """(N,) indices in the split."""
    exact: np.ndarray
    """(N,S) bool: whole answer right."""
    token_acc: np.ndarray
    """(N,S) fraction of asked tokens right."""
    q_halt: np.ndarray
    """(N,S) halt logit."""
    preds: np.ndarray
    """(N,S,L) predicted tokens, int16."""
    valid: np.ndarray | None
    """(N,S) bool: the puzzle's own check of the answer (a valid path, a valid grid), without looking at the labels."""
    halted_at: np.ndarray
    """(N,) first segment that halts, from 1; S if none does."""
    validity: str | None = None
    """The name of that check."""

    @property
    def segments(self) -> int:
        return self.exact.shape[1]

    def at_halt(self, values: np.ndarray) -> np.ndarray:
        """Column halted_at - 1 of (N,S,...)."""
        return values[np.arange(len(values)), self.halted_at - 1]


def evaluate(
    subject: Subject, config: EvaluationConfig, *, devices: Sequence[torch.device] = (), label: str = "evaluate"
) -> Evaluation:
    """Evaluate a checkpoint on puzzles of its dataset, over one or several devices.

    On a CPU each thread takes its own batches; on several GPUs each holds a copy of the model.
    """
    total = len(subject.split)
    idx = subject.choose(min(config.n or total, total), config.seed)
    segments = config.segments or subject.model.config.halt_max_steps
    batch = config.batch or (16 if subject.device.type == "cpu" else 256)
    groups = [idx[start : start + batch] for start in range(0, len(idx), batch)]
    models = [deepcopy(subject.model).to(device) for device in devices] or [subject.model]

    def run(number: int) -> Arrays:
        model = models[number % len(models)]
        return measure(model, subject.questions(groups[number]), segments, halt=config.halt)

    done: dict[int, Arrays] = {}
    with Progress(len(idx), label) as progress:
        for number, arrays in _each(run, len(groups), subject.device, len(models)):
            done[number] = arrays
            progress.advance(len(groups[number]))
    arrays = {key: np.concatenate([done[number][key] for number in range(len(groups))]) for key in done[0]}
    kind = subject.split.puzzle
    return Evaluation(idx=idx, valid=_valid(subject, idx, arrays["preds"]), validity=kind.validity, **arrays)


def _each(run: Any, count: int, device: torch.device, devices: int) -> Any:
    """(number, run(number)) as they are done: by the threads of a CPU, or by one thread a GPU."""
    if device.type == "cpu":
        yield from completed(run, range(count))
        return
    with ThreadPoolExecutor(devices) as pool:
        lanes = [
            pool.submit(lambda lane: [(n, run(n)) for n in range(lane, count, devices)], k) for k in range(devices)
        ]
        for lane in lanes:
            yield from lane.result()


@torch.inference_mode()
def measure(model: Model, questions: Questions, segments: int, *, halt: bool) -> Arrays:
    """Run one batch for `segments` segments; with `halt`, puzzles leave it when they halt. Memory does not grow with
    the number of segments but for the predictions (B,S,L)."""
    device = model.inner.H_init.device
    inputs, labels, ids = (part.to(device) for part in (questions.inputs, questions.labels, questions.identifiers))
    B, L = inputs.shape
    exact, correct = torch.zeros(B, segments, dtype=torch.bool), torch.full((B, segments), torch.nan)
    q_halt, preds = torch.full((B, segments), torch.nan), torch.full((B, segments, L), -1, dtype=torch.int16)
    halted_at = torch.full((B,), segments)
    running = torch.arange(B)
    e, z = model.embed(inputs, ids), model.initial(B)
    recurrence = model.recurrence(e)
    for segment in range(segments):
        z = recurrence.segment(z)
        readout = model.read(z)
        row = _judged(readout, labels[running.to(device)])
        for target, value in zip((preds, exact, correct), row):
            target[running, segment] = value.to("cpu", target.dtype)
        q_halt[running, segment] = readout.q_halt.float().cpu()
        stops = halts(model, readout).cpu()
        first = running[stops & (halted_at[running] == segments)]
        halted_at[first] = torch.minimum(halted_at[first], torch.tensor(segment + 1))
        if halt and bool(stops.any()):
            going = torch.nonzero(~stops).flatten()
            if len(going) == 0:
                break
            running, kept = running[going], going.to(device)
            e, z = e[kept], Latent(*(part[kept] for part in z))
            recurrence = model.recurrence(e)
    named = {"exact": exact, "token_acc": correct, "q_halt": q_halt, "preds": preds, "halted_at": halted_at}
    return {key: value.numpy() for key, value in named.items()}


def halts(model: Model, readout: Readout) -> Tensor:
    """(B,) bool: whether the readout says stop, by the model's own rule."""
    return readout.q_halt > (0 if model.config.no_ACT_continue else readout.q_continue)


def _judged(readout: Readout, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Predictions (B,L), exactness (B,), fraction of asked tokens right (B,)."""
    preds = readout.logits.argmax(-1)
    asked = labels > 0
    right = (preds == labels) & asked
    return preds, (right == asked).all(-1), right.sum(-1).float() / asked.sum(-1).clamp_min(1)


def _valid(subject: Subject, idx: np.ndarray, preds: np.ndarray) -> np.ndarray | None:
    """(N,S) the puzzle's own check; False where a puzzle had left."""
    name = subject.split.puzzle.validity
    if name is None:
        return None
    inputs = np.asarray(subject.split.inputs[idx])
    columns = [subject.split.puzzle.check(inputs, preds[:, s])[name] for s in range(preds.shape[1])]
    return np.stack(columns, axis=1) & (preds[:, :, 0] >= 0)


def rate(flags: np.ndarray) -> dict[str, float | int]:
    """A fraction with its Wilson 95% interval: value, low, high, n."""
    n, p = len(flags), float(np.mean(flags))
    low, high = wilson(p, n)
    return {"value": p, "low": low if p > 0 else 0.0, "high": high if p < 1 else 1.0, "n": n}  # no rounding residue


def mean(values: np.ndarray) -> dict[str, float | int]:
    """A mean over puzzles with its normal 95% interval."""
    n, m = len(values), float(np.mean(values))
    half = Z95 * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return {"value": m, "low": m - half, "high": m + half, "n": n}


def summary(result: Evaluation, config: EvaluationConfig) -> dict[str, Any]:
    """The result as a record: a row a segment (at the fixed budget), and what halting gives and costs."""
    halted = {"exact": rate(result.at_halt(result.exact)), "token_acc": mean(result.at_halt(result.token_acc))}
    if result.valid is not None:
        halted[str(result.validity)] = rate(result.at_halt(result.valid))
    record: dict[str, Any] = {
        "n": len(result.idx),
        "budget": result.segments,
        "halting": {
            **halted,
            "steps": mean(result.halted_at.astype(np.float64)),
            "steps_used": {str(step): int(count) for step, count in enumerate(np.bincount(result.halted_at)) if count},
        },
    }
    if config.halt:
        return record
    rows = []
    for segment in range(result.segments):
        row: dict[str, Any] = {"segment": segment + 1, "exact": rate(result.exact[:, segment])}
        row["token_acc"] = mean(result.token_acc[:, segment])
        if result.valid is not None:
            row[str(result.validity)] = rate(result.valid[:, segment])
        rows.append(row)
    last, at_halt = result.exact[:, -1], result.at_halt(result.exact)
    record["segments"] = rows
    record["halting"] |= {"lost": int((last & ~at_halt).sum()), "gained": int((at_halt & ~last).sum())}
    return record


def table(record: dict[str, Any]) -> str:
    """The record as text: one row a segment, rows that change nothing left out, then halting."""
    names = [key for key in record["halting"] if key not in ("steps", "steps_used", "lost", "gained")]
    head = f"{'segment':>8}  " + "  ".join(f"{name:<22}" for name in names)
    lines = [f"{record['n']} puzzles, budget {record['budget']} segments, 95% intervals", "", head.rstrip()]
    rows = record.get("segments", [])
    kept = {1, len(rows)} | {b["segment"] for a, b in pairwise(rows) if len(rows) <= 32 or a["exact"] != b["exact"]}
    lines += [_row(str(row["segment"]), [row[name] for name in names]) for row in rows if row["segment"] in kept]
    halting = record["halting"]
    lines.append(_row("halted", [halting[name] for name in names]))
    steps = halting["steps"]
    share = steps["value"] / record["budget"]
    lines += ["", f"halting uses {steps['value']:.2f} of {record['budget']} segments ({share:.0%})"]
    if "lost" in halting:
        lines[-1] += f"; against the full budget {halting['lost']} answers lost, {halting['gained']} gained"
    return "\n".join(lines)


def _row(label: str, values: list[dict[str, Any]]) -> str:
    cells = [f"{v['value']:.4f} [{v['low']:.4f} {v['high']:.4f}]" for v in values]
    return f"{label:>8}  " + "  ".join(f"{cell:<22}" for cell in cells).rstrip()
