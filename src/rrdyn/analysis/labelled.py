"""Puzzles that nothing is asked of: no answer of theirs is right or wrong, so no rate may count them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.npz import Artifact
from rrdyn.artifacts.places import shown

ASKED = "asked"
"""Labelled tokens of each puzzle; files that do not have it are taken to ask something of every puzzle."""


def labelled(artifact: Artifact) -> tuple[Artifact, int]:
    """The rows of an artifact of which something is asked, and how many others there were; those are told.

    Raises InputError where nothing is asked of any puzzle.
    """
    if ASKED not in artifact or artifact.schema is None:
        return artifact, 0
    asked = np.asarray(artifact[ASKED]) > 0
    without = int((~asked).sum())
    if without == 0:
        return artifact, 0
    if without == len(asked):
        raise InputError(
            f"{shown(artifact.path)}: no puzzle has a label", found=f"{without} puzzles of which nothing is asked",
            expected="puzzles with right answers", run="give a dataset with labels to --data",
        )  # fmt: skip
    notice(f"{shown(artifact.path)}: {without} of {len(asked)} puzzles have no label: left out, of n too")
    rows = {key for key, spec in artifact.schema.arrays.items() if spec.axes[:1] == ["N"]}
    arrays = {key: array[asked] if key in rows else array for key, array in artifact.arrays.items()}
    return replace(artifact, arrays=arrays), without
