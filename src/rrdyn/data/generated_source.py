"""Puzzles from a kind's own generator, no two of them equal up to symmetry."""

from __future__ import annotations

from itertools import count

import numpy as np

from rrdyn.artifacts.errors import RrdynError
from rrdyn.data.collection import Collection, Splits, joined
from rrdyn.data.equality import Known
from rrdyn.data.parallel import in_order
from rrdyn.data.puzzle import Maker, Puzzle
from rrdyn.data.recipe import Recipe
from rrdyn.data.source import DEFAULT_N, Gathered
from rrdyn.runtime.progress import Progress

FRUITLESS = 2000
"""Generated puzzles in a row that are all known already before the kind counts as used up."""
EMPTY = 100
"""Numbers in a row for which the generator finds nothing at all before what is asked for counts as impossible."""


def generated(recipe: Recipe, kind: type[Puzzle]) -> Gathered:
    """New puzzles: the test split first, so that more training puzzles leave it as it is."""
    puzzle = kind.from_recipe(recipe)
    sizes = (recipe.test_n or DEFAULT_N, recipe.val_groups, recipe.n or DEFAULT_N)
    made = distinct(puzzle, puzzle.generate(recipe), sum(sizes), workers=recipe.workers)
    edges = np.cumsum(sizes)
    test, val, train = (made.take(np.arange(end - size, end)) for end, size in zip(edges, sizes))
    return Gathered(
        puzzle=puzzle,
        splits=Splits(train=train, val=val if len(val) else None, test=test),
        name=f"{kind.name}-{puzzle.height}x{puzzle.width}-{recipe.variant}generated",
        source="generate",
        origin={},
    )


def distinct(puzzle: Puzzle, make: Maker, wanted: int, workers: int | None = None) -> Collection:
    """The first `wanted` puzzles of `make(0), make(1), ...` that no symmetry maps onto an earlier one.

    `make` may give None where a number has no puzzle. Raises RrdynError where it gives nothing new any more.
    """

    def sketched(number: int) -> tuple[Collection, bytes] | None:
        one = make(number)
        return None if one is None else (one, puzzle.sketch(one.inputs, one.labels)[0])

    known, parts = Known(puzzle), list[Collection]()
    fruitless, empty = 0, 0
    with Progress(wanted, f"making {puzzle.name} puzzles") as progress:
        for result in in_order(sketched, count(), workers):
            if result is not None and known.add(*result):
                parts.append(result[0])
                fruitless = 0
                progress.advance()
            else:
                fruitless += 1
            empty = 0 if result is not None else empty + 1
            if len(parts) == wanted:
                break
            if fruitless >= FRUITLESS or empty >= EMPTY:
                raise RrdynError(
                    "the generator finds no more new puzzles",
                    found=f"{len(parts)} that differ, {wanted} are wanted",
                    expected="fewer puzzles, a larger grid or easier conditions",
                    run="lower --n, --test-n or --val-groups, or change --clues, --min-rating, --min-length",
                )
    return joined(parts)
