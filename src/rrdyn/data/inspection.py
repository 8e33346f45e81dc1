"""What a dataset holds: counts, tokens, difficulty, and a few puzzles drawn for the terminal."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rrdyn.artifacts.record import Count, Meta, Written
from rrdyn.data.folder import PuzzleSplit, open_split, split_names

QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
BINS, BAR = 10, 40
GAP = "     "


class Counts(Written):
    """What one split holds."""

    groups: Count
    examples: Count
    """Puzzles, and these with their copies."""
    difficulty: dict[str, float] | None = None
    """By quantile."""


class Contents(Written):
    """What a dataset holds."""

    name: str
    kind: Meta
    source: str
    seq_len: Count
    vocab_size: Count
    splits: dict[str, Counts]
    digest: dict[str, str] | None = None
    tokens: dict[int, str] | None = None
    recipe: Meta | None = None


def summary(path: Path | str) -> tuple[Contents, str]:
    """Counts per split, and where the dataset came from; `describe` says more."""
    splits = _splits(path)
    first = splits[0]
    data = Contents(
        name=first.name,
        kind=first.puzzle.describe(),
        source=first.record.source or "foreign folder",
        seq_len=first.metadata.seq_len,
        vocab_size=first.metadata.vocab_size,
        splits={split.split: _counts(split) for split in splits},
    )
    rows = [f"{first.name}: {first.puzzle.name} {first.puzzle.height}x{first.puzzle.width}, source {data.source}"]
    for split, counts in data.splits.items():
        line = f"  {split:<6}{counts.groups:>9,} puzzles"
        if counts.examples != counts.groups:
            line += f", {counts.examples:,} examples with their copies"
        if counts.difficulty is not None:
            middle, most = counts.difficulty["0.5"], counts.difficulty["1.0"]
            line += f"; difficulty {middle:,.0f} (median), {most:,.0f} (most)"
        rows.append(line)
    return data, "\n".join(rows)


def describe(path: Path | str, *, draw: int = 2) -> tuple[Contents, str]:
    """Everything `summary` has, with tokens, a histogram of the difficulty and `draw` puzzles of the last split."""
    data, text = summary(path)
    split = _splits(path)[-1]
    tokens = dict(enumerate(split.puzzle.tokens))
    more = {"digest": {one.split: one.digest for one in _splits(path)}, "tokens": tokens, "recipe": split.record.recipe}
    parts = [text, f"tokens: {' '.join(f'{t}={c!r}' for t, c in tokens.items())}"]
    if split.difficulty is not None:
        parts.append(f"difficulty of {split.split}:\n{histogram(split.difficulty[split.originals])}")
    for index in split.originals[:draw]:
        parts.append(f"{split.split} puzzle {index}, and its answer:\n{draw_pair(split, int(index))}")
    return data.model_copy(update=more), "\n\n".join(parts)


def draw_pair(split: PuzzleSplit, index: int) -> str:
    """Question and answer side by side."""
    question, answer = np.asarray(split.inputs[index]), np.asarray(split.labels[index])
    left, right = split.puzzle.draw(question).split("\n"), split.puzzle.draw(answer, question).split("\n")
    width = max((len(line) for line in left), default=0)
    count = max(len(left), len(right))
    left += [""] * (count - len(left))
    right += [""] * (count - len(right))
    return "\n".join(f"{a:<{width}}{GAP}{b}".rstrip() for a, b in zip(left, right))


def histogram(values: np.ndarray) -> str:
    """A horizontal histogram: bins of equal width, on a log scale where the values span more than a factor of 100."""
    values = values[np.isfinite(values)]
    if not len(values):
        return "  (no ratings)"
    low, high = float(values.min()), float(values.max())
    if low == high:
        return f"  all {low:,.0f}"
    spread = low > 0 and high / low > 100
    if not np.isfinite(high - low):
        return f"  from {low:.3g} to {high:.3g}"
    edges = np.geomspace(low, high, BINS + 1) if spread else np.linspace(low, high, BINS + 1)
    edges[0], edges[-1] = low, high
    counts = np.histogram(values, edges)[0]
    longest = max(int(counts.max()), 1)
    return "\n".join(
        f"  {edges[i]:>12,.0f} - {edges[i + 1]:<12,.0f} {count:>8,} {'#' * round(BAR * count / longest)}".rstrip()
        for i, count in enumerate(counts)
    )


def _splits(path: Path | str) -> list[PuzzleSplit]:
    names = split_names(path)
    return [open_split(path, name) for name in names] if names else [open_split(path)]


def _counts(split: PuzzleSplit) -> Counts:
    if split.difficulty is not None:
        rated = split.difficulty[split.originals]
        rated = rated[np.isfinite(rated)]
        if len(rated):
            difficulty = {str(q): float(np.quantile(rated, q)) for q in QUANTILES}
            return Counts(groups=split.groups, examples=len(split), difficulty=difficulty)
    return Counts(groups=split.groups, examples=len(split))
