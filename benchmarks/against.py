"""What this checkout costs beside another one: python benchmarks/against.py CHECKOUT [--pairs 5] [--only diagnose ...]

Each command is run by both in turn, as a whole process of one thread; what is compared is the CPU time that the system
counted for it, and the median of the ratios of neighbours is printed with the smallest and the largest. CHECKOUT is the
other version's tree (`git worktree add ../before COMMIT`).
"""

from __future__ import annotations

import argparse
import os
import runpy
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parents[1]
DATA = "data sudoku --source generate --size 6 --clues 10 --n 200 --test-n 64 --out data"
TRAIN = "train data --preset sudoku-small --seed 0 --device cpu --eval-every 1000 --batch 16"
COMMANDS = {
    "help": "--help",
    "diagnose": "diagnose model/checkpoints/last --n 8 --k 4 --segments 8 --device cpu --out {out}/diag.npz",
    "rollout": "rollout model/checkpoints/last --n 8 --segments 64 --device cpu --out {out}/rollout.npz",
    "training": f"{TRAIN} --steps 40 --out {{out}}/run",
    "evaluate": "evaluate model/checkpoints/last --n 64 --segments 8 --device cpu",
    "analysis": "analyze-2x2 diag_8k.npz --no-figures --out {out}/analysis",
}
"""What is timed; each after `rrdyn`, in a folder with a dataset, a checkpoint and a diagnosis of 8,192 puzzles."""


def rrdyn(checkout: Path, line: str, folder: Path) -> float:
    """Run one command of a checkout in `folder`; returns its CPU seconds, those of its children with it."""
    paths = {"PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "rrdyn", *line.split()], cwd=folder, env={**os.environ, **paths},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{checkout}: rrdyn {line}\n{said}")
    return used.ru_utime + used.ru_stime


def prepared(folder: Path) -> None:
    """A dataset, a checkpoint of a few steps and a diagnosis, made by this checkout and read by both."""
    rrdyn(HERE, DATA, folder)
    rrdyn(HERE, f"{TRAIN} --steps 4 --out model", folder)
    runpy.run_path(str(HERE / "benchmarks" / "analysis.py"))["made"](8192, folder / "diag_8k.npz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, nargs="?", help="without one nothing is compared")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    options = parser.parse_args()
    if options.checkout is None:
        print("no other checkout was given: nothing is compared")
        return
    sides = {"here": HERE, "there": options.checkout.resolve()}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepared(folder)
        for name in options.only:
            seconds: dict[str, list[float]] = {side: [] for side in sides}
            for number in range(options.pairs + 1):  # the first warms the disk up and is not counted
                for side in sides if number % 2 else reversed(sides):
                    out = folder / f"{name}_{side}"
                    used = rrdyn(sides[side], COMMANDS[name].format(out=out), folder)
                    shutil.rmtree(out, ignore_errors=True)
                    if number:
                        seconds[side].append(used)
            ratios = sorted(one / other for one, other in zip(seconds["here"], seconds["there"]))
            here, there = (statistics.median(column) for column in seconds.values())
            print(f"{name:<10}here {here:8.2f} s, there {there:8.2f} s CPU, "
                  f"ratio {statistics.median(ratios):.3f} [{ratios[0]:.3f}, {ratios[-1]:.3f}]", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
