"""Puzzles from a kind's own generator, no two of them equal up to symmetry."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import numpy as np

from rrdyn.artifacts.errors import RrdynError
from rrdyn.data.collection import Collection, Splits, joined
from rrdyn.data.equality import Known
from rrdyn.data.parallel import in_order
from rrdyn.data.puzzle import Maker, Puzzle
from rrdyn.data.recipe import Recipe
from rrdyn.data.source import Gathered
from rrdyn.runtime.progress import Progress, say

FRUITLESS = 2000
"""Generated puzzles in a row that are all known already before the kind counts as used up."""
EMPTY = 100
"""Numbers in a row for which the generator finds nothing at all before what is asked for counts as impossible."""


def generated(recipe: Recipe, kind: type[Puzzle]) -> Gathered:
    """New puzzles: the test split first, so that more training puzzles leave it as it is."""
    puzzle = kind.from_recipe(recipe)
    splits = puzzle.listed(recipe) or _made(puzzle, recipe)
    return Gathered(
        puzzle=puzzle,
        splits=splits,
        name=f"{kind.name}-{puzzle.height}x{puzzle.width}-{recipe.variant}generated",
        source="generate",
        origin={},
    )


def _made(puzzle: Puzzle, recipe: Recipe) -> Splits:
    made = distinct(puzzle, puzzle.generate(recipe), recipe.sizes, workers=recipe.workers)
    splits = Splits(train=made["train"], val=made["val"] if len(made["val"]) else None, test=made["test"])
    _tell_shared(puzzle, splits)
    return splits


def _tell_shared(puzzle: Puzzle, splits: Splits) -> None:
    """Say how many test puzzles have a family that a training puzzle has too, where the kind has families."""
    trained = None if puzzle.families_apart else puzzle.families(splits.train.inputs, splits.train.labels)
    tested = puzzle.families(splits.test.inputs, splits.test.labels)
    if trained is None or tested is None:
        return
    shared = len([one for one in tested if one in set(trained)])
    if shared:
        what = f"the {puzzle.family} of {shared} of {len(tested)} test puzzles is that of a training puzzle"
        say(f"{what}, up to symmetry ({len(set(trained))} different ones in training)")


class Shares:
    """The puzzles of each split as they are made: `sizes` says how many, in the order in which they are filled.

    A puzzle whose family stands in an earlier split is left out where the kind keeps families apart.
    """

    def __init__(self, puzzle: Puzzle, sizes: Mapping[str, int]) -> None:
        self.puzzle, self.known = puzzle, Known(puzzle)
        self.left = {name: size for name, size in sizes.items() if size}
        self.parts: dict[str, list[Collection]] = {name: [] for name in sizes}
        self._taken: dict[bytes, str] = {}

    def nothing(self) -> Collection:
        """The puzzles of a split that gets none."""
        return Collection(*(np.zeros((0, self.puzzle.seq_len), dtype=np.uint8) for _ in range(2)))

    def add(self, one: Collection, sketch: bytes) -> bool:
        """Put a collection of one puzzle into the split that is being filled; False where it may not stand there."""
        split = next(iter(self.left))
        if self.puzzle.families_apart:
            families = self.puzzle.families(one.inputs, one.labels)
            family = families[0] if families else b""
            if self._taken.get(family, split) != split:
                return False
        if not self.known.add(one, sketch):
            return False
        if self.puzzle.families_apart:
            self._taken[family] = split
        self.parts[split].append(one)
        self.left[split] -= 1
        if not self.left[split]:
            del self.left[split]
        return True


def distinct(
    puzzle: Puzzle, make: Maker, sizes: Mapping[str, int], workers: int | None = None
) -> dict[str, Collection]:
    """The first puzzles of `make(0), make(1), ...` that no symmetry maps onto an earlier one, shared out to splits.

    `make` may give None where a number has no puzzle. Raises RrdynError where it gives nothing new any more.
    """

    def sketched(number: int) -> tuple[Collection, bytes] | None:
        one = make(number)
        return None if one is None else (one, puzzle.sketch(one.inputs, one.labels)[0])

    wanted, shares = sum(sizes.values()), Shares(puzzle, sizes)
    fruitless, empty = 0, 0
    with Progress(wanted, f"making {puzzle.name} puzzles") as progress:
        for result in in_order(sketched, count(), workers):
            empty = 0 if result is not None else empty + 1
            if result is not None and shares.add(*result):
                fruitless = 0
                progress.advance()
            else:
                fruitless += 1
            if not shares.left:
                break
            if fruitless >= FRUITLESS or empty >= EMPTY:
                raise _used_up(puzzle, shares, wanted)
    return {name: joined(parts) if parts else shares.nothing() for name, parts in shares.parts.items()}


def _used_up(puzzle: Puzzle, shares: Shares, wanted: int) -> RrdynError:
    own = [name for name in (puzzle.recipe or Recipe).model_fields if name not in (*Recipe.model_fields, "aug")]
    settings = ", ".join(f"--{name.replace('_', '-')}" for name in own)
    found = sum(map(len, shares.parts.values()))
    apart = f", no {puzzle.family} in two splits" if puzzle.families_apart else ""
    return RrdynError(
        "the generator finds no more new puzzles",
        found=f"{found} that differ{apart}; {wanted} are wanted",
        expected="fewer puzzles, a larger grid or easier conditions",
        run="lower --n, --test-n or --val-groups" + (f", or change one of {settings}" if own else ""),
    )
