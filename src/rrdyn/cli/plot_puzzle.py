"""`rrdyn plot puzzle`"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rrdyn.artifacts.errors import UsageError
from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.cli.options import Index, Segments
from rrdyn.plotting.options import FigureOptions


class Args(FigureOptions, Arguments):
    """Puzzles of a dataset, or one puzzle's answer over the segments of a diagnosis, as a picture.

    1. rrdyn plot puzzle data/sudoku-6x6
    2. rrdyn plot puzzle data/maze-7x7 --idx 3 17 40 --size page
    3. rrdyn plot puzzle diag.npz --idx 17 --segments 1 4 16
    4. rrdyn plot puzzle diag.npz --film gif
    """

    path: Positional[Path]
    """A dataset folder, or a diag.npz."""
    idx: tuple[Index, ...] = ()
    """Which puzzles; default: the first few of a dataset, the first wrong one of a diagnosis."""
    split: Literal["train", "val", "test"] = "test"
    """Which split of a dataset."""
    segments: tuple[Segments, ...] = ()
    """diag.npz: after which segments the answer is shown, from 1 on; default: a choice of them."""
    film: Literal["gif", "mp4"] | None = None
    """diag.npz: also as a film over all segments."""
    data: Path | None = None
    """diag.npz: its dataset, where it is not where the file says."""


def run(args: Args) -> Outcome:
    """Draw the picture and say where it is."""
    if args.path.suffix == ".npz":
        return _answer(args)
    from rrdyn.plotting.puzzle import draw

    for flag, value in (("--segments", args.segments), ("--film", args.film), ("--data", args.data)):
        if value:
            raise UsageError(f"{flag} is for a diag.npz", found=args.path, run=f"rrdyn plot puzzle DIAG.npz {flag} ...")
    wrote = draw(args.path, args.stem("figures", f"puzzle_{args.path.resolve().name}_{args.split}"), args.style,
                 idx=args.idx, split=args.split)  # fmt: skip
    return Outcome(text=f"drew {wrote[0]}", wrote=wrote)


def _answer(args: Args) -> Outcome:
    from rrdyn.plotting.filmstrip import draw

    if len(args.idx) > 1:
        raise UsageError("one puzzle at a time can be followed", found=f"--idx {' '.join(map(str, args.idx))}")
    idx = args.idx[0] if args.idx else None
    name = "puzzle" if idx is None else f"puzzle_{idx}"
    wrote = draw(args.path, args.stem(args.path.parent, name), args.style, idx=idx, data=args.data,
                 segments=args.segments, film=args.film)  # fmt: skip
    return Outcome(text=f"drew {wrote[0]}", wrote=wrote)
