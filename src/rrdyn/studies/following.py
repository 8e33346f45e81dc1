"""What to run next with a file or folder, by what it is."""

from __future__ import annotations

from pathlib import Path

from rrdyn.artifacts.files import dump_json
from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.record import Record

NEXT: dict[str, tuple[str, ...]] = {
    "checkpoint": ("diagnose {}", "fate {}", "evaluate {}", "export {} ckpt.pt"),
    "run": ("diagnose {}", "plot dynamics {}", "report {}"),
    "study": ("report {}",),
    "steps": ("report {folder}", "inspect {folder}"),
    "dataset": ("train {}", "plot puzzle {}"),
    "diag": ("analyze-2x2 {}", "plot trajectories {}", "plot puzzle {}"),
    "rollout": ("survival {}", "plot rollout {}"),
    "perturb": ("select {}",),
    "scale": ("analyze-scale {}",),
    "fate": ("plot fates {}",),
    "toy": ("plot toy {}",),
    "log": ("plot dynamics {}",),
    "puzzles": ("data {puzzle} --train {} --out data/mine",),
    "lists": ("data {puzzle} --train {}/{train} --out data/mine",),
    "rrdyn.dataset": ("inspect {folder}", "train {folder}"),
    "recipe": ("train DATA --preset {}",),
    "config": ("train DATA --set {setting}",),
    "two_by_two": ("plot 2x2 {}", "export-table {folder}/results.md"),
    "evolution": ("plot evolution {folder}",),
    "survival": ("plot rollout {folder}",),
    "select": ("plot selectors {folder}",),
    "scaling": ("plot scaling {folder}",),
    "comparison": ("plot compare {folder}",),
}
"""Kind -> command lines, `{}` for the path, `{folder}` for what it lies in, other names for what was said of it.
Of other kinds nothing follows by itself."""


def following(described: Record, path: Path | str) -> list[str]:
    """Command lines to paste, after what `inspect` says of a path."""
    fields = vars(described)
    kind = fields.get("kind")
    kind = kind if isinstance(kind, str) else "dataset"  # which tells the kind of its puzzles
    fill = {"folder": quoted(Path(path).parent), **{name: quoted(str(value)) for name, value in fields.items()}}
    if kind == "config":
        if not fields.get("model"):
            return []
        fill["setting"] = quoted(f"model={dump_json(fields['model'], indent=None)}")  # JSON is YAML
    return [f"rrdyn {line.format(quoted(path), **fill)}" for line in NEXT.get(kind, ())]
