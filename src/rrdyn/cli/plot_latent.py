"""`rrdyn plot latent`"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.cli.options import Index
from rrdyn.plotting.options import FigureOptions


class Args(FigureOptions, Arguments):
    """One latent trajectory in its principal plane, with the variance that the plane holds and leaves out.

    1. rrdyn plot latent states.npz
    2. rrdyn plot latent states.npz --idx 17 --latent z_L --size page
    """

    states: Positional[Path]
    """A states.npz of rrdyn diagnose --save-states."""
    idx: Index | None = None
    """Index of the puzzle in its dataset; default: the first in the file."""
    latent: Literal["z_H", "z_L"] = "z_H"
    """Which of the two states."""


def run(args: Args) -> Outcome:
    from rrdyn.plotting.latent import draw

    name = "latent" if args.idx is None else f"latent_{args.idx}"
    wrote = draw(args.states, args.stem(args.states.parent, name), args.style, idx=args.idx, latent=args.latent)
    return Outcome(text=f"drew {wrote[0]}", wrote=wrote)
