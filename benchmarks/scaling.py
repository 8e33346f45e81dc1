"""What a method of `rrdyn scale` costs beside the plain segments that it counts.

    python benchmarks/scaling.py        # the study's small model, every method, 8 rounds

One thread; the clock is that of the process, so that other programs do not count. A round follows 8 particles of each
of --puzzles puzzles (one particle where a method has one) through the model's budget, with everything that is read and
kept, and as many rows through as many segments of the recurrence alone. Which of the two comes first alternates, the
methods of a round are in random order, and a first round that warms up does not count. Printed are medians of the
ratios, and their quartiles.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from rrdyn.measurement import open_subject
from rrdyn.measurement.scale import Scale, ScaleConfig
from rrdyn.measurement.scaling.particles import ROWS, follow_particles


def seconds(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="docs/study/checkpoint")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--puzzles", type=int, default=8, help="that share their products, as `rrdyn scale` has them")
    args = parser.parse_args()
    torch.set_num_threads(1)
    subject = open_subject(args.checkpoint)
    scale, model = Scale(subject, ScaleConfig(n=1, budget=1)), subject.model
    ratios: dict[str, list[float]] = {words: [] for words in scale.chosen}
    order = np.random.default_rng(0)
    with torch.no_grad():
        for number in range(args.rounds + 1):
            for words in order.permutation(list(scale.chosen)):
                kind, strength = scale.chosen[words]
                particles = range(1 if kind.single else ROWS)
                method = kind(scale.setting, subject.questions(np.arange(args.puzzles) + number), particles, strength)
                asked = method.asked()
                recurrence = model.recurrence(model.embed(asked.inputs, asked.identifiers))

                def plain(recurrence: Any = recurrence, rows: int = len(asked)) -> None:
                    state = model.initial(rows)
                    for _ in range(model.budget):
                        state = recurrence.segment(state)

                def whole(method: Any = method) -> None:
                    follow_particles(method, model.budget, 8)

                both = (plain, whole) if number % 2 else (whole, plain)
                took = {function: seconds(function) for function in both}
                if number:
                    ratios[words].append(took[whole] / took[plain])
    for words, found in ratios.items():
        rows = args.puzzles * (1 if scale.chosen[words][0].single else ROWS)
        ordered = sorted(found)
        low, high = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
        print(f"{words:16} {rows} rows: {statistics.median(ordered):.3f} (quartiles {low:.3f} .. {high:.3f}, "
              f"n = {len(ordered)})", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
