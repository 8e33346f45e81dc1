"""Logs of the two families, written from their descriptions."""

from __future__ import annotations

import json
from pathlib import Path

from rrdyn.runtime.streams import generator

STAMP = "2026-05-01 12:00:00.000 | INFO     | "
FOREIGN = ["step", "ref_eq", "rew", "hack_s?", "gt_s↑", "cos_pre_t", "cos_pre_s", "zv", "sec"]
FOREIGN_ARMS = {
    "vanilla": ("vanilla", 0),
    "static erasure": ("projected", 0),
    "online erasure": ("projected", 10),
    "routing": ("routing", 0),
}


def foreign_log(path: Path, arm: str, seed: int, *, steps: int = 60, older: bool = False) -> Path:
    """One log of the reward-hacking family: argv, preset, header with decorations, fractions, signs, flags."""
    derived, refresh = FOREIGN_ARMS[arm]
    names = [name for name in FOREIGN if not (older and name == "zv")]
    if derived == "routing":
        names = [*names, "hack_abl", "solve_abl"]
    noise = generator(seed, "foreign", arm)
    lines = [
        f"{STAMP}argv: train.py --steps={steps} --vhack-refresh-every={refresh} --v-hack-path=out/v.safetensors",
        f"{STAMP}preset=fast arm={derived} seed={seed} steps={steps}",
        f"{STAMP}loading the model",
        STAMP + "  ".join(names),
    ]
    for step in range(steps):
        hacks = max(0, min(28, round(28 * (step - 20 - seed) / 40 * {"vanilla": 1.0}.get(arm, 0.4))))
        row = {
            "step": str(step),
            "ref_eq": "T" if step % 2 else "F",
            "rew": f"{noise.normal():+.3f}",
            "hack_s?": f"{hacks}/28",
            "gt_s↑": f"{min(28, step // 3)}/28",
            "cos_pre_t": "nan" if step % 7 == 3 else f"{0.3 - 0.004 * step + 0.02 * noise.normal():+.3f}",
            "cos_pre_s": f"{0.004 * step + 0.02 * noise.normal():+.3f}",
            "zv": "-",
            "sec": "1.25",
            "hack_abl": f"{step // 20}/28" if step % 5 == 0 else "-",
            "solve_abl": f"{step // 2}/64" if step % 5 == 0 else "-",
        }
        lines.append(STAMP + "  ".join(row[name] for name in names))
        if step % 25 == 24:
            lines.append(f"{STAMP}saved a checkpoint")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


OWN_STAMP = "12:00:00 | INFO | "
OWN = ["step", "epoch", "loss", "lr", "acc", "acc_pert", "drift", "lam1", "q_acc", "noise", "changed", "sps", "eta"]


def own_rows(arm: str, seed: int, first: int, last: int, every: int = 10) -> list[dict[str, object]]:
    """Rows of a training run; the evaluation columns are empty between evaluations."""
    rows = []
    for step in range(first, last + 1, every):
        noise = generator(seed, "own", arm, step).normal(size=4)
        level = min(1.0, max(0.0, (step - 150 - 20 * seed) / 600)) * (0.8 if arm == "none" else 0.95)
        evaluated = step % 50 == 0
        accuracy = min(1.0, max(0.0, level + 0.02 * float(noise[1]))) if level > 0 else 0.0
        rows.append(
            {
                "step": step,
                "epoch": round(step / 37, 2),
                "loss": 2.0 * 0.998**step + 0.05 * abs(float(noise[0])),
                "lr": 1e-4,
                "acc": accuracy if evaluated else None,
                "acc_pert": 0.7 * accuracy if evaluated else None,
                "drift": 40.0 * 0.997**step + abs(float(noise[2])) if evaluated else None,
                "lam1": 0.08 - 0.0002 * step + 0.005 * float(noise[3]) if evaluated else None,
                "q_acc": 0.5,
                "noise": 3e-3,
                "changed": 0.9,
                "sps": 12.5,
                "eta": 100.0,
            }
        )
    return rows


def own_head(arm: str, seed: int) -> list[str]:
    return [
        f"{OWN_STAMP}argv: rrdyn train sudoku --aug {arm} --seed {seed}",
        f"{OWN_STAMP}preset=trm-small arm={arm} seed={seed} K=4 sigma=loguniform[3e-05,0.003]",
    ]


def table(rows: list[dict[str, object]]) -> list[str]:
    """The aligned table of train.log, its header repeated every twenty rows."""
    lines = []
    for place, row in enumerate(rows):
        if place % 20 == 0:
            lines.append(OWN_STAMP + " ".join(f"{name:>9}" for name in OWN))
        lines.append(OWN_STAMP + " ".join(f"{_word(row[name]):>9}" for name in OWN))
    return lines


def own_log(path: Path, arm: str, seed: int, *, last: int = 800, resumed_at: int | None = None) -> Path:
    """A train.log; `resumed_at` logs the steps from there again, as a resumed run does."""
    rows = own_rows(arm, seed, 10, last)
    if resumed_at is None:
        lines = own_head(arm, seed) + table(rows)
    else:
        stopped = own_rows(arm, seed, 10, resumed_at + 60)
        lines = (
            own_head(arm, seed) + table(stopped) + own_head(arm, seed) + table(own_rows(arm, seed, resumed_at, last))
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def own_jsonl(folder: Path, arm: str, seed: int, *, last: int = 800) -> Path:
    """A run folder with train.jsonl and its train.log."""
    own_log(folder / "train.log", arm, seed, last=last)
    path = folder / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in own_rows(arm, seed, 10, last)), encoding="utf-8")
    return path


def _word(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
