"""From a recipe to a dataset folder: find or make the puzzles, cut the splits, augment, write."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.artifacts.files import sha256, write_json
from rrdyn.artifacts.places import is_file, is_folder
from rrdyn.artifacts.provenance import provenance
from rrdyn.data.collection import Collection
from rrdyn.data.composition import Composed
from rrdyn.data.csv_source import from_csv
from rrdyn.data.generated_source import generated
from rrdyn.data.hub_source import from_hub, try_hub
from rrdyn.data.parallel import in_order
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.recipe import Recipe
from rrdyn.data.record import read_record
from rrdyn.data.registry import kind_of
from rrdyn.data.source import Gathered
from rrdyn.data.writer import MOST_EXAMPLES, new_dataset, write_composition, write_record, write_split
from rrdyn.runtime.progress import each, say
from rrdyn.runtime.streams import generator


def build(
    recipe: Recipe,
    out: Path | None = None,
    *,
    kind: type[Puzzle] | None = None,
    root: Path = Path("data"),
    force: bool = False,
) -> Path:
    """Make the dataset of a recipe; returns its folder: `out`, or a name under `root` that tells the source.

    `kind` is by default the one that the recipe's type belongs to. An `out` that was made from the same recipe is kept
    as it is.
    """
    if out is not None and not force and made_from(out, recipe):
        say(f"{out} is there already, made from the same settings")
        return out
    kind = kind or kind_of(recipe)
    composed = kind.compose(recipe)
    if composed is not None:
        return _write_composed(composed, recipe, kind, out or root / composed.name, force=force)
    if recipe.source == "generate":  # of the others only the file says how many puzzles there are
        puzzle = kind.from_recipe(recipe)
        _require_room(out or root, recipe.sizes["train"] * puzzle.group_size(recipe), puzzle)
    gathered = gather(recipe, kind)
    path = out or root / gathered.name
    with new_dataset(path, force=force) as staging:
        for split, puzzles in gathered.splits.items():
            if split == "train":
                write_augmented(staging, gathered.puzzle, puzzles, recipe)
            else:
                write_split(
                    staging, split, gathered.puzzle, puzzles.inputs, puzzles.labels, difficulty=puzzles.difficulty
                )
        _write_record(staging, gathered, recipe)
    return path


def _write_composed(composed: Composed, recipe: Recipe, kind: type[Puzzle], path: Path, *, force: bool) -> Path:
    puzzle = kind.from_recipe(recipe)
    _require_room(path, sum(split.examples for split in composed.splits.values()), puzzle)
    with new_dataset(path, force=force) as staging:
        for name, split in composed.splits.items():
            write_composition(staging, name, puzzle, split, len(composed.identifiers))
        for name, content in composed.beside.items():
            write_json(staging / name, content)
        write_record(
            staging, name=composed.name, puzzle=puzzle, source=composed.source, identifiers=composed.identifiers,
            origin=composed.origin, recipe=recipe.content(),
            groups={name: len(split.group_indices) - 1 for name, split in composed.splits.items()},
            meta=provenance(seed=recipe.seed, config=recipe.content(), inputs=composed.files),
        )  # fmt: skip
    return path


def gather(recipe: Recipe, kind: type[Puzzle]) -> Gathered:
    """Find or make the puzzles of a recipe."""
    source = recipe.source
    if source == "auto" and (recipe.train or recipe.test):
        source = "csv"
    if recipe.source in ("hub", "generate") and (recipe.train or recipe.test):
        raise UsageError(f"--train and --test are for --source csv, not --source {recipe.source}")
    if source == "csv":
        return from_csv(recipe, kind)
    if source == "hub":
        return from_hub(recipe, kind)
    published = try_hub(recipe, kind) if source == "auto" and not recipe.offline else None
    return published or generated(recipe, kind)


def made_from(path: Path, recipe: Recipe) -> bool:
    """Whether a dataset folder says that it was made from this recipe, and from the files as they are now.

    Settings that its record does not have yet count as their defaults.
    """
    record = read_record(path)
    if record.recipe is None:
        return False
    try:
        recorded = type(recipe).recorded(record.recipe)
    except (TypeError, UsageError):  # written by another version, or of another kind
        return False
    if recorded.content() != recipe.content():
        return False
    return all(sha256(file) == digest for file, digest in record.meta.inputs.items() if is_file(file))


def write_augmented(folder: Path, puzzle: Puzzle, train: Collection, recipe: Recipe) -> None:
    """Write the training split: each puzzle followed by the copies that the recipe asks for, as one group."""
    copies = puzzle.group_size(recipe)
    _require_room(folder, len(train) * copies, puzzle)
    difficulty = None if train.difficulty is None else np.repeat(train.difficulty, copies)
    write_split(
        folder,
        "train",
        puzzle,
        each(
            augmented(puzzle, train, copies, seed=recipe.seed, workers=recipe.workers),
            "writing examples",
            total=len(train) * copies,
            size=lambda pair: len(pair[0]),
        ),
        examples=len(train) * copies,
        group_size=copies,
        difficulty=difficulty,
    )


def _require_room(folder: Path, examples: int, puzzle: Puzzle) -> None:
    """Refuse what the format cannot count or the disk cannot hold before hours go into it."""
    if examples > MOST_EXAMPLES:
        raise UsageError(
            "so many copies cannot be counted", found=f"{examples:,} examples", expected=f"at most {MOST_EXAMPLES:,}",
            run="lower --n or --aug; training can also shuffle as it goes",
        )  # fmt: skip
    there = next((above for above in [folder, *folder.absolute().parents] if is_folder(above)), Path("/"))
    needed, free = examples * (2 * puzzle.seq_len + 16), shutil.disk_usage(there).free
    if needed > free:
        raise RrdynError(
            "the dataset does not fit onto the disk",
            found=f"{free / 1e9:.1f} GB free", expected=f"{needed / 1e9:.1f} GB",
            run="lower --n or --aug, or give another place with --out; training can also shuffle as it goes",
        )  # fmt: skip


def augmented(
    puzzle: Puzzle, puzzles: Collection, copies: int, *, seed: int, workers: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (inputs, labels) of the groups in order, `copies` rows each, the original first.

    Symmetries that can be listed are, from number 0 on; others are drawn, from one stream per group.
    """
    symmetries = puzzle.symmetries
    if copies == 1 or symmetries is None:
        yield puzzles.inputs, puzzles.labels
        return
    if symmetries.copies is not None:
        images = [symmetries.listed(number, puzzles.inputs, puzzles.labels) for number in range(copies)]
        inputs, labels = (np.stack(field, axis=1).reshape(-1, puzzle.seq_len) for field in zip(*images))
        yield inputs, labels
        return

    def group(number: int) -> tuple[np.ndarray, np.ndarray]:
        uniforms = generator(seed, "copies", number).random((copies - 1, symmetries.draws))
        question, answer = puzzles.inputs[number : number + 1], puzzles.labels[number : number + 1]
        shape = (copies - 1, puzzle.seq_len)
        images = symmetries.apply(uniforms, np.broadcast_to(question, shape), np.broadcast_to(answer, shape))
        return np.concatenate([question, images[0]]), np.concatenate([answer, images[1]])

    yield from in_order(group, range(len(puzzles)), workers)


def _write_record(folder: Path, gathered: Gathered, recipe: Recipe) -> None:
    write_record(
        folder,
        name=gathered.name,
        puzzle=gathered.puzzle,
        source=gathered.source,
        origin=gathered.origin,
        recipe=recipe.content(),
        groups={split: len(puzzles) for split, puzzles in gathered.splits.items()},
        group_size=gathered.puzzle.group_size(recipe),
        meta=provenance(seed=recipe.seed, config=recipe.content(), inputs=gathered.files),
    )
