"""What a method of `rrdyn scale` costs beside the plain segments that it counts.

    python benchmarks/scaling.py        # the study's small model, every method, 8 rounds

One thread; the clock is that of the process, so that other programs do not count. A round follows 8 particles of one
puzzle (one where a method has one) through the model's budget, with everything that is read and kept, and in turn as
many rows through as many segments of the recurrence alone. Medians of the ratios are printed with their quartiles.
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
    args = parser.parse_args()
    torch.set_num_threads(1)
    subject = open_subject(args.checkpoint)
    scale, model = Scale(subject, ScaleConfig(n=1, budget=1)), subject.model
    with torch.no_grad():
        for words, (kind, strength) in scale.chosen.items():
            particles = range(1 if kind.single else ROWS)
            ratios = []
            for number in range(args.rounds):
                questions = subject.questions(np.array([number]))
                method = kind(scale.setting, questions, particles, strength)
                asked = method.asked()
                recurrence = model.recurrence(model.embed(asked.inputs, asked.identifiers))

                def plain(recurrence: Any = recurrence, rows: int = len(asked)) -> None:
                    state = model.initial(rows)
                    for _ in range(model.budget):
                        state = recurrence.segment(state)

                bare = seconds(plain)
                ratios.append(seconds(lambda m=method: follow_particles(m, model.budget, 8)) / bare)
            ordered = sorted(ratios)
            low, high = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
            print(f"{words:16} {len(particles)} rows: {statistics.median(ordered):.3f} "
                  f"(quartiles {low:.3f} .. {high:.3f}, n = {len(ordered)})", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
