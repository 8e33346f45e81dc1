"""What rrdyn does on the GPU of this machine, piece by piece, into one JSON with the card's name.

    python scripts/gpu_check.py [--piece NAME ...] [--force] [--out docs/gpu]
    python scripts/gpu_check.py --dry --out FOLDER      # its path on a CPU with tiny models; the numbers mean nothing

Pieces: tests, exponents, training, rates, memory, tf32. Each is written as it is done: stopped, the same line goes on.
Models are full-size with random weights, puzzles random grids: neither changes what an operation costs.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from rrdyn.artifacts.config import read_preset
from rrdyn.artifacts.files import make_folder, write_json
from rrdyn.artifacts.provenance import provenance
from rrdyn.data.folder import write_split
from rrdyn.data.maze.kind import Maze
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.dynamics.lyapunov import Tangents, first_frame
from rrdyn.dynamics.trajectory import plain_segment
from rrdyn.measurement import campaign
from rrdyn.measurement.measurement import measurement_named
from rrdyn.measurement.subject import open_subject
from rrdyn.models import Model, build
from rrdyn.models.checkpoints import save
from rrdyn.runtime import devices
from rrdyn.runtime.launch import Group
from rrdyn.runtime.live_bytes import LiveBytes
from rrdyn.training.augmentation import read_aug
from rrdyn.training.compiling import compile_nets
from rrdyn.training.config import TrainConfig
from rrdyn.training.memory import Need
from rrdyn.training.trainer import Trainer

PEAKS = {"H200": 790e12, "A6000": 155e12}
"""Dense bf16 flop/s by a part of the card's name; of another card no share of the peak is told."""
TINY = {"hidden_size": 16, "num_heads": 2, "expansion": 1.0, "H_cycles": 2, "L_cycles": 2, "L_layers": 1,
        "puzzle_emb_ndim": 16, "puzzle_emb_len": 1, "halt_max_steps": 2}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A model of full size and how much of it makes a step of seconds."""

    preset: str
    kind: Any
    cells: int
    tokens: int
    act_batch: int
    multi4_batch: int
    puzzles: int


@dataclass(frozen=True)
class Here:
    """The device, and whether it is only the path that is tried."""

    device: torch.device
    dry: bool

    @property
    def tasks(self) -> dict[str, Task]:
        if self.dry:
            return {"trm-mlp sudoku": Task("trm-mlp", Sudoku(4), 16, 6, 2, 2, 2)}
        return {
            "trm-mlp sudoku": Task("trm-mlp", Sudoku(9), 81, 11, 768, 96, 256),
            "trm-att maze": Task("trm-att-maze", Maze(30, 30), 900, 6, 192, 24, 32),
        }

    def model(self, task: Task) -> Model:
        sizes = {"seq_len": task.cells, "vocab_size": task.tokens, "num_puzzle_identifiers": 1}
        torch.manual_seed(0)
        model = build({**read_preset("model", task.preset), **(TINY if self.dry else {}), **sizes}, torch.float32)
        return model.to(self.device)

    def seconds(self, action: Callable[[], object], repeats: int = 3) -> float:
        """The least of a few, after one to warm up."""
        found = []
        for _ in range(1 + (1 if self.dry else repeats)):
            devices.finish(self.device)
            started = time.perf_counter()
            action()
            devices.finish(self.device)
            found.append(time.perf_counter() - started)
        return min(found[1:])


def grids(task: Task, count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(1, task.tokens, (count, task.cells)).astype(np.uint8)


def tests(here: Here) -> dict[str, Any]:
    """The tests of tests/cuda on the real device."""
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/cuda"]
    chosen = ["tests/cuda/test_pretended.py"] if here.dry else ["tests/cuda"]
    done = subprocess.run([*line[:-1], *chosen], capture_output=True, text=True, timeout=540)
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout)}
    return {**counts, "exit": done.returncode, "tail": done.stdout[-2000:] if done.returncode else ""}


@torch.no_grad()
def exponents(here: Here) -> dict[str, Any]:
    """Seconds of a segment with 8 tangents over those of 9 plain ones, for a batch and for one puzzle."""
    found, k = {}, 2 if here.dry else 8
    for name, task in here.tasks.items():
        model = here.model(task).eval()
        for batch in (task.puzzles, 1):
            inputs = torch.from_numpy(grids(task, batch).astype(np.int32)).to(here.device)
            recurrence = model.recurrence(model.embed(inputs, torch.zeros_like(inputs[:, 0])))
            z = model.initial(batch)
            tangents = Tangents(first_frame(z, k, torch.float32, 0, range(batch)))
            plain = here.seconds(partial(plain_segment, recurrence, z))
            along = here.seconds(partial(tangents.advance, recurrence, z))
            found[f"{name}, {batch}"] = {"plain": plain, "tangents": along, "ratio": along / ((k + 1) * plain)}
    return found


def trainer_of(here: Here, task: Task, arm: str, model: Model, batch: int) -> Trainer:
    aug = read_aug(arm)
    config = TrainConfig(data=Path("."), model={}, aug=aug, global_batch=batch, dtype="bfloat16")
    return Trainer(config, model.train(), Group(), total_steps=10, device=here.device)


def batch_of(here: Here, task: Task, batch: int) -> dict[str, torch.Tensor]:
    tokens = torch.from_numpy(grids(task, batch).astype(np.int32)).to(here.device)
    return {"inputs": tokens, "labels": tokens, "puzzle_identifiers": torch.zeros_like(tokens[:, 0]),
            "index": torch.arange(batch)}  # fmt: skip


def training(here: Here) -> dict[str, Any]:
    """Seconds of a step, its products, and their share of the card's peak; eager and compiled."""
    found = {}
    for name, task in here.tasks.items():
        for arm, batch in (("none", task.act_batch), ("multi4", task.multi4_batch)):
            for how in ("off",) if here.dry else ("off", "on"):
                trainer = trainer_of(here, task, arm, here.model(task), batch)
                rows = batch_of(here, task, batch)
                need = Need.of(trainer.learner, trainer.objective, rows)
                trainer.learner.micro = need.fitting(devices.free_memory(here.device))
                flops = (
                    products(trainer, rows) * batch * trainer.config.aug.copies * trainer.objective.segments_per_step
                )
                compile_nets(trainer.model, how, here.device, print)  # type: ignore[arg-type]
                seconds = here.seconds(partial(trainer.train_step, rows))
                rate = flops / seconds
                found[f"{name}, {arm}, {'compiled' if how == 'on' else 'eager'}"] = {
                    "batch": batch, "micro_batch": trainer.learner.micro, "seconds": seconds, "flops": flops,
                    "flops_per_second": rate, "mfu": share_of_peak(here, rate),
                }  # fmt: skip
    return found


def products(trainer: Trainer, rows: dict[str, torch.Tensor]) -> int:
    """Floating point operations of the products of one trajectory's supervised segment, counted."""
    one = {name: column[:1] for name, column in rows.items()}
    copies, trainer.learner.narrow = trainer.learner.narrow, None  # their padding is no work done
    last = torch.zeros(1, dtype=torch.bool, device=trainer.learner.device)
    with FlopCounterMode(display=False) as counter:
        trainer.learner.segment(trainer.learner.initial(1), {**one, "last": last}, torch.ones_like(last).float())
    trainer.discard_gradients()
    trainer.learner.narrow = copies
    return counter.get_total_flops()


def share_of_peak(here: Here, rate: float) -> float | None:
    name = devices.describe(here.device)
    return next((rate / peak for part, peak in PEAKS.items() if part in name), None)


def rates(here: Here) -> dict[str, Any]:
    """Puzzles a second of the measurements, as commands run them."""
    found = {}
    for name, task in here.tasks.items():
        settings = {"diag": {"segments": 2}, "rollout": {"segments": 4}, "fate": {"horizon": 16, "multipliers": 0}}
        with tempfile.TemporaryDirectory() as folder:
            puzzles = grids(task, task.puzzles)
            write_split(Path(folder) / "data", "test", task.kind, puzzles, puzzles)
            ckpt = save(here.model(task).cpu(), Path(folder) / "ckpt", {"dataset": str(Path(folder) / "data")})
            subject = open_subject(ckpt, device=here.device)
            for kind, more in settings.items():
                registered = measurement_named(kind)
                made = registered(subject, registered.config(n=task.puzzles, **more))
                campaign.columns_of(made, made.choose()[:1])
                seconds = here.seconds(partial(campaign.columns_of, made, made.choose()), repeats=1)
                found[f"{name}, {kind}"] = {
                    "puzzles": task.puzzles,
                    **more,
                    "puzzles_per_second": task.puzzles / seconds,
                }
    return found


def memory(here: Here) -> dict[str, Any]:
    """The most that a step took beside the plan."""
    found = {}
    for name, task in here.tasks.items():
        for arm, batch in (("none", task.act_batch), ("multi4", task.multi4_batch)):
            trainer, rows = trainer_of(here, task, arm, here.model(task), batch), batch_of(here, task, batch)
            need = Need.of(trainer.learner, trainer.objective, rows)
            micro = trainer.learner.micro = max(1, need.fitting(devices.free_memory(here.device)) // 2)
            found[f"{name}, {arm}"] = {"micro_batch": micro, "planned": need.total(micro),
                                       "taken": taken(here, partial(trainer.train_step, rows))}  # fmt: skip
    return found


@torch.no_grad()
def tf32(here: Here) -> dict[str, Any]:
    """What TF32 changes of a segment and of the budget's end, and how much faster it is."""
    found = {}
    for name, task in here.tasks.items():
        model = here.model(task).eval()
        inputs = torch.from_numpy(grids(task, task.puzzles).astype(np.int32)).to(here.device)
        recurrence, z0 = (
            model.recurrence(model.embed(inputs, torch.zeros_like(inputs[:, 0]))),
            model.initial(len(inputs)),
        )
        seconds, first, answers = [], [], []
        for wanted in (False, True):
            with devices.products_in_tf32(wanted):
                seconds.append(here.seconds(partial(plain_segment, recurrence, z0)))
                z = plain_segment(recurrence, z0)
                first.append(z[0].double())
                for _ in range(model.budget - 1):
                    z = plain_segment(recurrence, z)
                answers.append(model.read(z).logits.argmax(-1))
        found[name] = {
            "relative_error_of_a_segment": float((first[1] - first[0]).norm() / first[0].norm()),
            "answers_that_differ": float((answers[0] != answers[1]).any(-1).double().mean()),
            "times_faster": seconds[0] / seconds[1],
        }
    return found


def taken(here: Here, action: Callable[[], object]) -> int:
    """Bytes that an action held at most, beside those that were there before."""
    if here.device.type != "cuda":
        with LiveBytes() as counted:
            action()
        return counted.peak
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(here.device)
    torch.cuda.reset_peak_memory_stats(here.device)
    action()
    return int(torch.cuda.max_memory_allocated(here.device)) - before


PIECES: dict[str, Callable[[Here], dict[str, Any]]] = {
    "tests": tests, "exponents": exponents, "training": training, "rates": rates, "memory": memory,
    "tf32": tf32,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--piece", nargs="*", choices=PIECES, default=list(PIECES))
    parser.add_argument("--out", type=Path, default=Path("docs/gpu"))
    parser.add_argument("--force", action="store_true", help="do again what is there")
    parser.add_argument("--dry", action="store_true", help="on a CPU, with tiny models")
    given = parser.parse_args()
    if not given.dry and not torch.cuda.is_available():
        print("no CUDA device is visible here", file=sys.stderr)
        return 1
    here = Here(torch.device("cpu" if given.dry else "cuda:0"), given.dry)
    name = "dry" if given.dry else devices.describe(here.device)
    path = make_folder(given.out) / (re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") + ".json")
    about = {**provenance(seed=0, config={}, inputs=[], device=name, dtype="bfloat16"), "pieces": {}}
    there = json.loads(path.read_text()) if path.exists() else about
    if there["git_commit"] != about["git_commit"]:
        there = about  # numbers of other code are not mixed with these
    for piece in given.piece:
        if piece in there["pieces"] and not given.force:
            continue
        started = time.perf_counter()
        result = PIECES[piece](here)
        there["pieces"][piece] = {"seconds": round(time.perf_counter() - started, 1), **result}
        write_json(path, there)
        print(f"{piece}: {json.dumps(there['pieces'][piece], indent=1)}", flush=True)
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
