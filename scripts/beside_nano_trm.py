"""rrdyn beside nano-trm: accuracy against processor time on the same 6x6 puzzles, from equal settings.

    rrdyn data sudoku --source generate --size 6 --clues 10 --n 1000 --val-groups 128 --out runs/beside/data
    python scripts/beside_nano_trm.py runs/beside --checkout NANO --python NANO/.venv/bin/python --out docs/study/beside

NANO is a clone of `olivkoch/nano-trm` (at `fc4436c`) and its own interpreter, which has Lightning, Hydra and the same
torch. Both train a TRM of the preset `sudoku-small` with a budget of 4 segments, by their own command lines, in one
thread, for as many steps of 64 puzzles at the same rates, decay and moving average, and look at the same validation
puzzles. Whoever runs is watched from outside: the processor time of its process when a new row stands in its log.
Each has its own optimizer: AdamATan2 here, AdamW with clipped gradients there (its AdamATan2 needs a GPU). `rrdyn` sees
the 1,000 grids as nano-trm does; `rrdyn-symmetries` is the preset, which draws a symmetry of each anew. nano-trm's own
recipe of this size (hidden 512, batches of 768) is not for a CPU; its seed 0 is none, so seeds begin at 1.

Writes `beside.csv`, a row an evaluation that all of them have. What was run by the same line is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rrdyn.artifacts.files import make_folder, write_json
from rrdyn.artifacts.frame import write_frame
from rrdyn.data.folder import open_split

STEPS, BATCH, EVERY = 795, 64, 75
"""15 steps are an epoch there: the last batch of 40 puzzles is left out."""
SEEDS = (1, 2, 3)
TOOLS = ("rrdyn", "rrdyn-symmetries", "nano")
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    root = args.root.resolve()
    for_nano(root / "data", root / "nano_data")
    for seed in args.seeds:
        for tool in TOOLS[:2]:
            out = root / f"{tool}_s{seed}"
            same = ("shuffle_puzzles=false", "stagger=false") if tool == "rrdyn" else ()
            watched(ours_line(root, out, seed, args.steps, same), out / "train.jsonl", ours_rows, Path.cwd())
        out = root / f"nano_s{seed}"
        watched(nano_line(args, root, out, seed), out / "csv/version_0/metrics.csv", nano_rows, args.checkout)
    rows = [
        {"tool": tool, "seed": seed, **row}
        for tool in TOOLS
        for seed in args.seeds
        for row in json.loads((root / f"{tool}_s{seed}/watched.json").read_text())["rows"]
    ]
    found = pl.DataFrame(rows, infer_schema_length=None)
    common = pl.col("step").count().over("step") == len(TOOLS) * len(args.seeds)
    write_frame(make_folder(args.out) / "beside.csv", found.filter(common))


def for_nano(data: Path, out: Path) -> None:
    """The same puzzles in nano-trm's layout: 2 is an empty cell, 3 to 8 are the digits; no padding."""
    if (out / "metadata.json").is_file():
        return
    sizes = {}
    for name in ("train", "val", "test"):
        split = open_split(data, name)
        folder = make_folder(out / name)
        inputs, labels = (np.asarray(part).astype(np.int32) + 1 for part in (split.inputs, split.labels))
        n = sizes[name] = len(inputs)
        arrays = {"inputs": inputs, "labels": labels, "puzzle_identifiers": np.zeros(n, dtype=np.int32),
                  "group_indices": np.arange(n + 1), "puzzle_indices": np.arange(n + 1)}  # fmt: skip
        for key, value in arrays.items():
            np.save(folder / f"all__{key}.npy", value)
        write_json(folder / "dataset.json", {"grid_size": 6, "max_grid_size": 6, "num_puzzles": n})
    write_json(out / "metadata.json", {
        "grid_size": 6, "max_grid_size": 6, "vocab_size": 9, "seq_len": 36, "num_puzzles": 1, "pad_value": 0,
        "min_givens": 10, "max_givens": 10, "num_train_puzzles": sizes["train"], "num_val_puzzles": sizes["val"],
        "num_test_puzzles": sizes["test"], "num_groups": sizes["train"],
    })  # fmt: skip


def ours_line(root: Path, out: Path, seed: int, steps: int, same: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "rrdyn", "train", str(root / "data"), "--preset", "sudoku-small", "--seed", str(seed),
            "--device", "cpu", "--steps", str(steps), "--eval-every", str(EVERY), "--lr", "2e-3", "--out", str(out),
            "--set", "model.halt_max_steps=4", "optim.lr_min_ratio=1.0", "eval.perturbed_n=0", "eval.lyapunov_n=0",
            *same, "--quiet"]  # fmt: skip


def nano_line(args: argparse.Namespace, root: Path, out: Path, seed: int) -> list[str]:
    epoch = 1000 // BATCH
    tuning = {
        "hidden_size": 64, "num_heads": 4, "H_cycles": 3, "L_cycles": 3, "num_layers": 2, "ffn_expansion": 4,
        "N_supervision": 4, "N_supervision_val": 4, "learning_rate": 2e-3, "warmup_steps": 100, "weight_decay": 0.1,
        "lr_min_ratio": 1.0, "halt_exploration_prob": 0.1, "use_mlp_t": True, "puzzle_emb_dim": 0,
    }  # fmt: skip
    return [
        str(args.python.absolute()), "src/nn/train.py", "experiment=trm_sudoku_6x6_medium", "trainer=cpu", "logger=csv",
        f"data.data_dir={root / 'nano_data'}", "data.max_grid_size=6", f"seed={seed}", f"data.seed={seed}",
        f"hydra.run.dir={out}", f"paths.output_dir={out}", "save_dir=null",
        f"timekeeping.max_epochs={args.steps // epoch}",
        f"timekeeping.batch_size={BATCH}", "timekeeping.num_workers=0", "callbacks.ema.decay=0.99",
        f"trainer.check_val_every_n_epoch={EVERY // epoch}",
        *(f"model_tuning.{name}={value}" for name, value in tuning.items()),
    ]  # fmt: skip


def watched(line: Sequence[str], log: Path, rows: Any, where: Path) -> None:
    """Run a command and note its processor time at every new evaluation of its log."""
    folder = next(part for part in log.parents if part.name.startswith(("rrdyn", "nano_s")))
    kept = folder / "watched.json"
    if kept.is_file() and json.loads(kept.read_text())["line"] == list(line):
        return
    shutil.rmtree(folder, ignore_errors=True)  # half a run has half of its time
    make_folder(folder)
    env = os.environ | THREADS | {"WANDB_MODE": "disabled", "PROJECT_ROOT": str(where)}
    if where != Path.cwd():
        env["PYTHONPATH"] = str(where.absolute())
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(list(line), cwd=where, env=env, stdout=said, stderr=said)
        found: dict[int, dict[str, float]] = {}
        spent = 0.0
        while True:
            over = process.poll() is not None
            spent = spent if over else cpu_seconds(process.pid)
            for step, acc in rows(log):
                found.setdefault(step, {"step": step, "acc": acc, "cpu_seconds": spent})
            if over:
                break
            time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"{' '.join(line)} failed: {folder / 'said.txt'}")
    write_json(kept, {"line": list(line), "rows": [found[step] for step in sorted(found)]})


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, all of its threads."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ours_rows(log: Path) -> Iterator[tuple[int, float]]:
    for line in log.read_text().splitlines() if log.is_file() else ():
        row = json.loads(line)
        if row.get("acc") is not None:
            yield row["step"], row["acc"]


def nano_rows(log: Path) -> Iterator[tuple[int, float]]:
    if not log.is_file() or not log.stat().st_size:
        return
    table = pl.read_csv(log, infer_schema_length=None, truncate_ragged_lines=True)
    if "val/exact_accuracy" in table.columns:
        for row in table.drop_nulls("val/exact_accuracy").to_dicts():
            yield int(row["step"]) + 1, float(row["val/exact_accuracy"])


if __name__ == "__main__":
    main()
