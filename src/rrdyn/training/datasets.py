"""The data of a run: what it learns from, and the groups it is judged on, which it never learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.places import shown
from rrdyn.data.folder import PuzzleSplit, open_split, split_names

HELD_OUT = 0.05  # share of the training groups that is cut off where a dataset has no validation split


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """A training split, and validation examples by their index in a split that may be the same one."""

    train: PuzzleSplit
    validation: PuzzleSplit
    examples: np.ndarray
    """Indices (n,) into `validation`: the unaugmented puzzle of each held-out group."""
    how: str
    """Where the validation puzzles come from, in words."""

    @property
    def examples_per_epoch(self) -> float:
        """As upstream counts: groups x mean examples per puzzle."""
        return self.train.groups * self.train.metadata.mean_puzzle_examples

    @property
    def largest_identifier(self) -> int:
        """Of all puzzles that a run meets."""
        validated = self.validation.example_identifiers[self.examples]
        return max(self.train.metadata.num_puzzle_identifiers - 1, int(validated.max()))

    @property
    def sizes(self) -> dict[str, int]:
        """What the data says about the model."""
        metadata = self.train.metadata
        return {
            "seq_len": metadata.seq_len,
            "vocab_size": metadata.vocab_size,
            "num_puzzle_identifiers": metadata.num_puzzle_identifiers,
        }


def open_training_data(path: Path) -> TrainingData:
    """A dataset folder's training split, with its `val` split or, without one, its last 5% of groups held out."""
    train = open_split(path, "train")
    if "val" in split_names(path):
        validation = open_split(path, "val")
        examples = with_answers(validation, validation.originals)
        how = f"{len(examples)} puzzles of the val split"
        return TrainingData(train=train, validation=validation, examples=examples, how=how)
    held = max(1, round(HELD_OUT * train.groups))
    if held >= train.groups:
        raise InputError(
            f"{path} has too few training puzzles to hold one out",
            found=f"{train.groups} groups",
            expected="at least 2",
        )
    kept = train.groups - held
    shorter = replace(
        train,
        group_indices=train.group_indices[: kept + 1],
        metadata=train.metadata.model_copy(update={"total_groups": kept}),
    )
    return TrainingData(
        train=shorter, validation=train, examples=with_answers(train, train.originals[kept:]),
        how=f"the last {held} of {train.groups} training groups, held out (the dataset has no val split)",
    )  # fmt: skip


def with_answers(split: PuzzleSplit, examples: np.ndarray) -> np.ndarray:
    """Those examples whose answer is known. Raises InputError where it is of none."""
    known = split.asked[examples] > 0
    if not known.any():
        raise InputError(
            f"{shown(split.path)}: no puzzle of the {split.split} split has an answer",
            found=f"{len(examples)} puzzles without a labelled cell",
            expected="puzzles to validate on",
        )
    if not known.all():
        notice(f"{split.name}: {(~known).sum()} of {len(known)} validation puzzles have no answer: left out")
    return np.asarray(examples[known])
