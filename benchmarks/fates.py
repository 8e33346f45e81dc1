"""What return distances cost a rollout, and what classifying fates costs beside the plain segments followed.

    python benchmarks/fates.py                                  # the study's small model, 64 puzzles, 256 segments
    python benchmarks/fates.py --puzzles 512 --horizon 256      # all test puzzles of that model
    python benchmarks/fates.py --model trm-mlp --puzzles 2 --horizon 16      # a full-size model with random weights

One thread; the clock is that of the process, so that other programs do not count. For each group of puzzles that the
command follows together the ways take turns, and medians of the ratios are printed with their quartiles. "Plain
segments followed" are as many of each puzzle as the classification followed, of the recurrence alone; refinement and
eigenvalues (`find_cycle`, float64) are timed apart.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rrdyn.artifacts.config import read_preset
from rrdyn.dynamics.fate import Fates, classify_fate
from rrdyn.dynamics.observers import Motion
from rrdyn.dynamics.returns import Returns
from rrdyn.dynamics.trajectory import Step, follow
from rrdyn.measurement import open_subject
from rrdyn.measurement.answers import Answers
from rrdyn.measurement.fate import Fate, FateConfig, Rightness
from rrdyn.measurement.subject import Questions
from rrdyn.models import Model, build

PERIODS = 16
BLOCK = 16
"""Segments of a rollout that are timed at a time, with and without return distances in turn."""


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def told(ratios: list[float]) -> str:
    ordered = sorted(ratios)
    low, high = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
    return f"{statistics.median(ordered):.3f} (quartiles {low:.3f} .. {high:.3f}, n = {len(ordered)})"


def rollout(model: Model, questions: Questions, state: Any, *, with_returns: bool) -> None:
    """As `rrdyn rollout` follows it."""
    answers = Answers(model, questions.labels, keep=("exact",), hold=("exact",))
    observers = [Motion(1), answers, *([Returns(state, PERIODS, series=True)] if with_returns else [])]
    follow(model.recurrence(model.embed(questions.inputs, questions.identifiers)), state, BLOCK, observers)


def returns_in_rollouts(model: Model, puzzles: list[Questions], rounds: int) -> None:
    ratios = []
    for number in range(rounds):
        questions = puzzles[number % len(puzzles)]
        state = model.initial(1)
        with_, _ = seconds(lambda q=questions, z=state: rollout(model, q, z, with_returns=True))
        without, _ = seconds(lambda q=questions, z=state: rollout(model, q, z, with_returns=False))
        ratios.append(with_ / without)
    print(f"rollout with return distances / without:  {told(ratios)}   (below 1.05 wanted)", flush=True)


class Until:
    """Lets each trajectory leave after so many segments."""

    def __init__(self, segments: Tensor) -> None:
        self.segments = segments

    def see(self, step: Step) -> Tensor:
        return (self.segments if step.rows is None else self.segments[step.rows]) <= step.number


def classified(model: Model, questions: Questions, horizon: int) -> Fates:
    """As `rrdyn fate` does it, without what becomes of the cycles found."""
    rightness = Rightness(Answers(model, questions.labels, keep=()), model.budget)
    recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
    z0 = model.initial(len(questions))
    return classify_fate(recurrence, z0, horizon, keys=questions.idx.tolist(), observers=[rightness])


def plain(model: Model, questions: Questions, segments: Tensor) -> None:
    recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
    follow(recurrence, model.initial(len(questions)), int(segments.max()), [Until(segments)])


def classification(model: Model, measurement: Fate | None, groups: list[Questions], horizon: int) -> None:
    rows, fate = [], []
    for questions in groups:
        whole, fates = seconds(lambda q=questions: classified(model, q, horizon))
        bare, _ = seconds(lambda q=questions, n=fates.segments: plain(model, q, n))
        refined = 0.0
        if measurement is not None:
            refined, _ = seconds(lambda q=questions, f=fates: measurement._refined(q, f))
        rows.append((whole, bare, refined, int(fates.segments.sum())))
        fate += fates.names
    whole, bare, refined, followed = (np.array(column) for column in zip(*rows))
    print(f"classification / plain segments followed: {whole.sum() / bare.sum():.3f} in all; of a group "
          f"{told(list(whole / bare))}   (at most 2.2 wanted)")  # fmt: skip
    print(f"  {len(fate)} puzzles, {followed.sum()} segments, {whole.sum():.1f} s; refinement and eigenvalues apart: "
          f"{refined.sum():.1f} s")  # fmt: skip
    print("  " + ", ".join(f"{name} {count}" for name, count in Counter(fate).most_common()))


def random_puzzles(model: Model, idx: np.ndarray) -> Questions:
    """Of a model with random weights: its time does not depend on what they say."""
    inputs = torch.randint(1, model.config.vocab_size, (len(idx), model.config.seq_len))
    return Questions(inputs=inputs, labels=inputs, identifiers=torch.zeros(len(idx), dtype=torch.int32), idx=idx)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ckpt", default="docs/study/checkpoint")
    parser.add_argument("--model", help="a preset of configs/model with random weights, on random 9x9 puzzles")
    parser.add_argument("--puzzles", type=int, default=64)
    parser.add_argument("--horizon", type=int, default=256)
    parser.add_argument("--skip-refinement", action="store_true")
    parser.add_argument("--rounds", type=int, default=100, help="of the rollout's ratio")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    measurement = None
    if args.model:
        sizes = {"seq_len": 81, "vocab_size": 11, "num_puzzle_identifiers": 1, "forward_dtype": "float32"}
        model = build({**read_preset("model", args.model), **sizes}).eval()
        chosen, together, ask = np.arange(args.puzzles), 1, partial(random_puzzles, model)
    else:
        subject = open_subject(args.ckpt)
        model, chosen, ask = subject.model, subject.choose(args.puzzles, 0), subject.questions
        command = Fate(subject, FateConfig(horizon=args.horizon))
        together, measurement = command.group, None if args.skip_refinement else command
    with torch.no_grad():
        print(f"{args.model or args.ckpt}, float32, one thread, torch {torch.__version__}, P = {PERIODS}, "
              f"{together} puzzles together")  # fmt: skip
        returns_in_rollouts(model, [ask(idx[None]) for idx in chosen[: args.rounds]], args.rounds)
        groups = [ask(idx) for idx in np.split(chosen, range(together, len(chosen), together))]
        classification(model, measurement, groups, args.horizon)


if __name__ == "__main__":
    main()
