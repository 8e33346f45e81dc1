"""`rrdyn export`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.cli.names import check_checkpoints

if TYPE_CHECKING:
    from rrdyn.models import Model


class Args(Arguments):
    """A checkpoint for others: one .pt, upstream's layout, the Hub's, or ours. Reading it back is bit-identical.

    1. rrdyn export runs/demo/pretrain ckpt.pt
    2. rrdyn export runs/demo/pretrain for_trm --layout upstream
    3. rrdyn export runs/demo/pretrain to_send/ckpt.pt --with-data
    4. rrdyn export hub://sapientinc/HRM-checkpoint-sudoku-extreme hrm.pt --data data/sudoku
    """

    ckpt: Positional[str]
    """A checkpoint: a file, a folder, a run, or hub://owner/repo/folder."""
    out: Positional[Path]
    """Where to write: NAME.pt, or a folder for the other layouts."""
    layout: Literal["pt", "upstream", "hub", "rrdyn"] | None = None
    """pt: one file; upstream: step_N + all_config.yaml; hub: weights.pt, config and data/; rrdyn: safetensors."""
    data: Path | None = None
    """The dataset that the copy names; default the one the checkpoint names."""
    with_data: bool = False
    """Put the dataset beside it, as NAME_data, so that both can be moved together (hub: its data/ has the test puzzles
    anyway)."""
    weights: str | None = None
    """Of a file with several weights: raw, ema, or a key that rrdyn inspect tells; default the average, if any."""

    def check_names(self) -> None:
        check_checkpoints([self.ckpt], self.data)


def run(args: Args) -> Outcome:
    from rrdyn.artifacts.errors import UsageError
    from rrdyn.cli.results import ExportResult
    from rrdyn.models import load
    from rrdyn.models.exporting import export

    single = args.out.suffix == ".pt"
    layout = args.layout or ("pt" if single else None)
    if layout is None:
        raise UsageError(
            "which layout?", found=f"{args.out} does not end in .pt", expected="--layout upstream, hub or rrdyn"
        )
    if single != (layout == "pt"):
        raise UsageError(
            f"--layout {layout} does not fit {args.out}", expected="a .pt file for pt, a folder for the others"
        )
    model = load(args.ckpt, dataset=args.data, weights=args.weights)
    copied = [_beside(model, args, args.out.parent if single else args.out)] if args.with_data else []
    wrote = [*export(model, args.out, layout), *copied]
    opened = args.out if layout in ("pt", "rrdyn") else wrote[0]
    return Outcome(data=ExportResult(layout=layout), wrote=wrote, next=[f"rrdyn inspect {quoted(opened)}"])


def _beside(model: Model, args: Args, folder: Path) -> Path:
    """The model's dataset copied into the folder of the export, which names it from now on."""
    from dataclasses import replace

    from rrdyn.artifacts.errors import InputError
    from rrdyn.artifacts.files import make_folder
    from rrdyn.data.writer import copy_dataset
    from rrdyn.measurement.subject import dataset_of

    found = dataset_of(model, args.data)
    if found is None or model.source is None:
        raise InputError("the checkpoint names no dataset", run="give one with --data")
    copied = copy_dataset(found, make_folder(folder) / f"{args.out.stem}_data")
    model.source = replace(model.source, dataset=copied.name)
    return copied
