"""`rrdyn data arc`."""

from __future__ import annotations

from rrdyn.cli.command import Outcome
from rrdyn.cli.options import DatasetOptions, made
from rrdyn.data.arc.kind import Arc
from rrdyn.data.arc.recipe import ArcRecipe


class Args(DatasetOptions, ArcRecipe):
    """Make an ARC dataset: tasks as published, with augmented copies, or a handful of generated transformations.

    1. rrdyn data arc --source ARC-AGI --out data/arc-agi-1
    2. rrdyn data arc --source kaggle/combined --subsets training evaluation concept --val-groups 0
    3. rrdyn data arc --source ARC-AGI-2 --extra ConceptARC/corpus --aug 100
    4. rrdyn data arc --source generate --canvas 8 --aug 7 --out data/small-arc
    """


def run(args: Args) -> Outcome:
    return made(args, Arc)
