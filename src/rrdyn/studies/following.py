"""What to run next with a file or folder, by what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.record import Record

NEXT: dict[str, tuple[str, ...]] = {
    "checkpoint": ("diagnose {}", "fate {}", "evaluate {}", "export {} ckpt.pt"),
    "run": ("diagnose {}", "plot dynamics {}", "report {}"),
    "study": ("report {}",),
    "dataset": ("train {}", "plot puzzle {}"),
    "diag": ("analyze-2x2 {}", "plot trajectories {}", "plot puzzle {}"),
    "rollout": ("survival {}", "plot rollout {}"),
    "perturb": ("select {}",),
    "scale": ("analyze-scale {}",),
    "fate": ("plot fates {}",),
    "toy": ("plot toy {}",),
    "log": ("plot dynamics {}",),
    "puzzles": ("data sudoku --train {} --out data/mine",),
    "recipe": ("train DATA --preset {}",),
}
"""Kind -> command lines, `{}` for the path. Of other kinds nothing follows by itself."""


def following(described: Mapping[str, object] | Record, path: Path | str) -> list[str]:
    """Command lines to paste, after what `inspect` says of a path."""
    fields = described if isinstance(described, Mapping) else vars(described)
    kind = fields.get("kind")
    kind = kind if isinstance(kind, str) else "dataset"  # which tells the kind of its puzzles
    return [f"rrdyn {line.format(quoted(path))}" for line in NEXT.get(kind, ())]
