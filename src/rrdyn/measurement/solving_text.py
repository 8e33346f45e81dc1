"""An attempt at a puzzle as text for a terminal: the answers side by side, the halt logits, a verdict."""

from __future__ import annotations

import numpy as np

from rrdyn.measurement.solving import Attempt

COLOURS = {"given": "1", "right": "32", "wrong": "31;1", "changed": "33"}


def paint(style: str, text: str) -> str:
    """Text in an ANSI style."""
    return f"\x1b[{COLOURS[style]}m{text}\x1b[0m" if style in COLOURS else text


def grid(tried: Attempt, segment: int, *, colour: bool) -> list[str]:
    """The answer after `segment` (from 1) as lines; in colour givens are bold, right cells green, wrong ones red,
    cells that changed since the segment before and are not known to be wrong yellow."""
    drawn = tried.puzzle.draw(tried.answers[segment - 1], tried.question)
    if not colour:
        return drawn.split("\n")
    # Drawn with tokens outside the vocabulary every cell is a "?": that tells where the cells are.
    outline = tried.puzzle.draw(np.full(tried.puzzle.seq_len, 999), tried.question)
    if [len(line) for line in outline.split("\n")] != [len(line) for line in drawn.split("\n")]:
        return drawn.split("\n")  # a kind that leaves empty cells out: which cell is where cannot be told
    styles = iter(_styles(tried, segment))
    painted = [paint(next(styles), c) if place == "?" else c for c, place in zip(drawn, outline)]
    return "".join(painted).split("\n")


def _styles(tried: Attempt, segment: int) -> list[str]:
    """The style of each cell."""
    answer, before = tried.answers[segment - 1], tried.answers[max(segment - 2, 0)]
    given = tried.puzzle.given(tried.question)
    known = tried.solution is not None or (tried.right is not None and bool(tried.right[segment - 1]))
    conditions = [tried.wrong_cells(segment), given, answer != before]
    names = np.select(conditions, ["wrong", "given", "changed"], "right" if known else "plain")
    return [str(name) for name in names]


def verdict(tried: Attempt, segment: int | None = None) -> str:
    """One sentence on the answer after `segment` (from 1); default the last."""
    at = segment or len(tried.answers)
    if tried.solutions == "none":
        return "impossible: this puzzle has no answer"
    if tried.right is None:
        return "not known: this kind of puzzle has no checker"
    answer = tried.answers[at - 1]
    if tried.right[at - 1]:
        several = ", one of several answers" if tried.solutions == "several" else ""
        return "right" + (several or tried.puzzle.remark(tried.question, answer))
    return tried.puzzle.why_wrong(tried.question, answer, tried.wrong_cells(at))


def page(tried: Attempt, *, colour: bool, width: int) -> str:
    """The question, then the answers side by side as far as `width` allows (segments that change nothing left out),
    then the verdict."""
    shown = [
        s for s in range(1, len(tried.answers) + 1) if s == 1 or (tried.answers[s - 1] != tried.answers[s - 2]).any()
    ]
    if shown[-1] != len(tried.answers):
        shown.append(len(tried.answers))
    plates = [["question", *tried.puzzle.draw(tried.question, tried.question).split("\n")]]
    plates += [[_title(tried, segment), *grid(tried, segment, colour=colour)] for segment in shown]
    wide = max(tried.puzzle.width, max(len(line) for line in plates[0]), len("segment 16  halts")) + 3
    in_row = max(1, width // wide)
    lines = []
    for start in range(0, len(plates), in_row):
        row = plates[start : start + in_row]
        for cells in zip(*row):
            lines.append("".join(cell + " " * (wide - _visible(cell)) for cell in cells).rstrip())
        lines.append("")
    q = "  ".join(f"{value:+.2f}" for value in tried.q_halt)
    halt = "never" if tried.halts_at is None else f"after segment {tried.halts_at}: {verdict(tried, tried.halts_at)}"
    last = f"after segment {len(tried.answers)}: {verdict(tried)}"
    return "\n".join([*lines, f"q_halt  {q}", f"halts   {halt}", f"answer  {last}"])


def _title(tried: Attempt, segment: int) -> str:
    return f"segment {segment}" + ("  halts" if tried.halts_at == segment else "")


def _visible(text: str) -> int:
    """Characters of a line without its colours."""
    length, inside = 0, False
    for character in text:
        if character == "\x1b":
            inside = True
        elif inside:
            inside = character != "m"
        else:
            length += 1
    return length
