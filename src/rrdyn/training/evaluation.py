"""What a run measures on its validation split: accuracy, accuracy from a perturbed start, late drift, lambda_1."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from rrdyn.data.folder import PuzzleSplit
from rrdyn.dynamics.lyapunov import lyapunov_spectrum
from rrdyn.dynamics.protocol import rebuild
from rrdyn.dynamics.trajectory import Step, follow
from rrdyn.measurement.judging import judge
from rrdyn.models import Model
from rrdyn.runtime.launch import Group
from rrdyn.runtime.streams import generator
from rrdyn.training.batches import rows_of
from rrdyn.training.config import EvalConfig
from rrdyn.training.learner import Rows

LATE = 4  # segments over which late drift is averaged
CHOICE_SEED = 0  # the same puzzles whatever the run's seed, so that runs can be compared
SUMS = ("n", "acc", "token_acc", "q_acc", "drift", "eval_perturbed_n", "acc_pert", "eval_changed", "lam1_n", "lam1")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Results on the validation puzzles at the last segment of the budget; None where nothing was measured."""

    step: int
    """Optimiser steps before it."""
    acc: float | None
    """Share of exactly right answers."""
    token_acc: float | None
    """Mean share of an answer's labelled tokens that are right."""
    q_acc: float | None
    """How often q_halt >= 0 agrees with being right."""
    drift: float | None
    """Mean over puzzles of the late drift: the mean L2 step, over the last four segments, of the state's first part."""
    acc_pert: float | None
    """Share of exactly right answers from z0 + Normal(0, (sigma initial_std)^2)."""
    eval_changed: float | None
    """Share of answers that this perturbation changes."""
    lam1: float | None
    """Mean leading exponent of a few puzzles, nats per sub-update."""
    eval_n: int
    eval_perturbed_n: int

    def record(self) -> dict[str, float | int | None]:
        """For a log row, a checkpoint's meta.json and a saved state."""
        return asdict(self)

    def text(self) -> str:
        """The main result for a person."""
        perturbed = "" if self.acc_pert is None else f", {self.acc_pert:.1%} from a perturbed start"
        return f"{self.acc or 0:.1%} of {self.eval_n} validation puzzles right{perturbed}"


def chosen(examples: np.ndarray, n: int) -> np.ndarray:
    """At most n of the examples, the same ones each time, ascending."""
    if len(examples) <= n:
        return np.asarray(examples)
    picks = generator(CHOICE_SEED, "validation", len(examples)).choice(len(examples), n, replace=False)
    return np.asarray(examples)[np.sort(picks)]


@torch.no_grad()
def evaluate(
    model: Model,
    split: PuzzleSplit,
    examples: np.ndarray,
    config: EvalConfig,
    *,
    step: int,
    seed: int,
    group: Group | None = None,
    autocast: torch.dtype | None = None,
) -> Evaluation:
    """Clean and perturbed results over at most `config.n` of `examples`, shared out over the group.

    The first `config.perturbed_n` puzzles are also started from a perturbed z0; the first `config.lyapunov_n` give
    the exponent.
    """
    group = group or Group()
    device = model.device
    examples = chosen(examples, config.n)
    sums = dict.fromkeys(SUMS, 0.0)
    for number, start in enumerate(range(0, len(examples), config.batch)):
        if number % group.world == group.rank:
            index = examples[start : start + config.batch]
            noisy = min(len(index), max(0, config.perturbed_n - start))
            with torch.autocast(device.type, dtype=autocast) if autocast else nullcontext():
                _add(sums, _batch(model, rows_of(split, index, device), noisy, config.sigma, seed))
    if group.leads and config.lyapunov_n:
        lam = _lambda_1(model, rows_of(split, examples[: config.lyapunov_n], device))
        _add(sums, {"lam1": float(lam.sum()), "lam1_n": len(lam)})
    total = dict(zip(SUMS, group.sum_(torch.tensor(list(sums.values()), dtype=torch.float64)).tolist()))
    counts = {"acc_pert": "eval_perturbed_n", "eval_changed": "eval_perturbed_n", "lam1": "lam1_n"}
    shares = {
        name: _share(value, total[counts.get(name, "n")])
        for name, value in total.items()
        if name not in ("n", "eval_perturbed_n", "lam1_n")
    }
    return Evaluation(
        step=step, **shares, eval_n=int(total["n"]), eval_perturbed_n=int(total["eval_perturbed_n"])
    )  # fmt: skip


class LateDrift:
    """Sums, of the first `count` trajectories, how far the state's first part moves in a budget's last segments."""

    def __init__(self, count: int, segments: int) -> None:
        self.count, self.first = count, segments - LATE
        self.total: Tensor | float = 0.0

    def see(self, step: Step) -> None:
        if step.number > self.first:
            moved = step.state[0][: self.count] - step.before[0][: self.count]
            self.total = self.total + moved.double().flatten(1).norm(dim=1)


def _batch(model: Model, rows: Rows, noisy: int, sigma: float, seed: int) -> dict[str, float]:
    """Sums over one batch, whose first `noisy` puzzles are also started from a perturbed z0."""
    count, segments = len(rows["index"]), model.budget
    z = model.initial(count)
    if noisy:
        scale = sigma * model.initial_std
        eps = [_noise(rows["index"][:noisy], part, scale, seed, name) for name, part in z._asdict().items()]
        z = rebuild(z, (torch.cat((part, part[:noisy] + e)) for part, e in zip(z, eps)))
        rows = {name: torch.cat((column, column[:noisy])) for name, column in rows.items()}
    drift = LateDrift(count, segments)
    recurrence = model.recurrence(model.embed(rows["inputs"], rows["puzzle_identifiers"]))
    readout = model.read(follow(recurrence, z, segments, (drift,)))
    preds, exact, token = judge(readout.logits, rows["labels"])
    clean = slice(0, count)
    return {
        "n": count,
        "acc": float(exact[clean].sum()),
        "token_acc": float(token[clean].sum()),
        "q_acc": float(((readout.q_halt >= 0) == exact)[clean].sum()),
        "drift": float(torch.as_tensor(drift.total).sum()) / min(LATE, segments),
        "eval_perturbed_n": noisy,
        "acc_pert": float(exact[count:].sum()),
        "eval_changed": float((preds[count:] != preds[:noisy]).any(-1).sum()),
    }


def _noise(examples: Tensor, like: Tensor, scale: float, seed: int, name: str) -> Tensor:
    """Normal noise shaped like the state of each example, keyed by the example."""
    shape = tuple(like.shape[1:])
    drawn = [
        generator(seed, "evaluation", name, int(index)).standard_normal(shape, dtype=np.float32) for index in examples
    ]
    return torch.from_numpy(np.stack(drawn) * np.float32(scale)).to(like.device)


def _lambda_1(model: Model, rows: Rows) -> Tensor:
    """(B,) leading exponent over the budget, nats per sub-update, from a random tangent and without warm-up."""
    e = model.embed(rows["inputs"], rows["puzzle_identifiers"])
    spectrum = lyapunov_spectrum(model.recurrence(e), model.initial(len(e)), model.budget, 1, qr_every="segment")
    lam = spectrum.exponents[:, 0]
    return lam[torch.isfinite(lam)]


def _add(sums: dict[str, float], more: dict[str, float]) -> None:
    for name, value in more.items():
        sums[name] += value


def _share(total: float, n: float) -> float | None:
    return total / n if n and math.isfinite(total) else None
