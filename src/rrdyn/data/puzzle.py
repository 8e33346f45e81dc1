"""What a kind of puzzle is: its tokens, its checker, its recipe and generator, its drawing and its symmetries.

A new kind is one subclass of `Puzzle` under a name; `docs/data.md` works an example through. Nothing outside a kind's
own folder asks which kind a puzzle is: what differs between kinds is a method here, with a default that holds for a
grid of tokens about which nothing is known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.ballot import Ballot
from rrdyn.data.collection import Collection, Splits
from rrdyn.data.composition import Composed
from rrdyn.data.drawing import Drawing
from rrdyn.data.recipe import Recipe

PAD = 0
LISTED = 4
"""Wrong cells named in a verdict."""
Maker = Callable[[int], Collection | None]
"""From a number to the puzzle of that number, a collection of one; None where the number has none."""


class Symmetries(Protocol):
    """Maps of a puzzle onto equivalent puzzles, each chosen by a row of uniform numbers."""

    @property
    def draws(self) -> int:
        """How many uniform numbers in [0, 1) choose one map."""

    @property
    def copies(self) -> int | None:
        """How many maps there are where they are few enough to list (the identity is number 0), else None."""

    def apply(self, uniforms: np.ndarray, *grids: np.ndarray) -> tuple[np.ndarray, ...]:
        """Map row b of each (B, L) token array by the map that row b of `uniforms` (B, draws) chooses."""

    def listed(self, number: int, *grids: np.ndarray) -> tuple[np.ndarray, ...]:
        """Map whole (B, L) token arrays by map `number`; only where `copies` is not None."""


@dataclass(frozen=True, kw_only=True)
class Solutions:
    """How many answers a question has, and the answer (L,) where there is only one and it is known."""

    number: Literal["none", "one", "several", "unknown"]
    answer: np.ndarray | None = None


@dataclass(frozen=True)
class Fault:
    """What is wrong with a puzzle: its row among those asked about, the problem, and what would be right."""

    row: int
    problem: str
    expected: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Completion:
    """Answers (N, L) that were found for questions, and how many each has (N,): 0, 1, 2 for more, -1 for not known."""

    labels: np.ndarray
    counts: np.ndarray


class Puzzle(ABC):
    """One kind of puzzle on a grid of `height` x `width` cells, written as rows of tokens.

    Token 0 is padding (and, in labels, "ignored", where `ignored` is not another); token t is written `tokens[t]`.
    """

    name: ClassVar[str]
    validity: ClassVar[str | None] = None
    """The check that says whether a prediction solves the puzzle, where that is more than equality with the label."""
    answer_only: ClassVar[str] = ""
    """Characters that may stand in an answer but not in a question."""
    recipe: ClassVar[type[Recipe] | None] = None
    """The settings that a dataset is made from (`rrdyn data NAME`); None where nothing but a folder is read."""
    presets: ClassVar[tuple[str, str]] = ("small-att", "large-att")
    """The presets of configs/train that it is trained with where none is named: without and with an accelerator."""
    sizes: ClassVar[str] = "the number of cells of this kind"
    """In words, how many cells there may be."""
    rule: ClassVar[str] = "an answer of this kind"
    """In words, what an answer must be."""
    rating_meaning: ClassVar[str] = "the kind's own rating"
    """What the difficulty of generated puzzles counts."""
    family: ClassVar[str] = ""
    """In words, what puzzles of one family have in common; see `families`."""
    families_apart: bool = False
    """No family stands in two splits of a generated dataset; where it may, how often is said."""
    unwritten: ClassVar[str] = ". "
    """Characters that a figure leaves out."""
    shades: ClassVar[dict[str, str]] = {}
    """Characters that a figure shows by the ground of their cell; see `rrdyn.data.drawing.SHADES`."""
    boxes: tuple[int, int] | None = None
    """Rows and columns between the heavier lines of a board."""
    by_look: ClassVar[bool] = False
    """Whether the sizes of a folder alone do not make its puzzles ones of this kind: `plausible` must say so too."""
    ignored: int = PAD
    """What a label has where nothing is asked: a token that is no answer, written into `dataset.json`."""

    def __init__(self, height: int, width: int, tokens: Sequence[str]) -> None:
        """`tokens`: how each is written, in one character; a kind with words for them writes and reads them itself."""
        self.height, self.width, self.tokens = index(height), index(width), tokens
        if min(self.height, self.width) < 1:
            raise UsageError("a puzzle has cells", found=f"{height} x {width}", expected="at least 1 x 1")

    @property
    def seq_len(self) -> int:
        return self.height * self.width

    @property
    def vocab_size(self) -> int:
        return len(self.tokens)

    @property
    def symmetries(self) -> Symmetries | None:
        """The maps used for augmentation, or None where the kind has none."""
        return None

    @classmethod
    def from_recipe(cls, recipe: Any) -> Self:
        """The puzzle of the size that a recipe (of the type `recipe`) asks for; by default that without arguments."""
        return cls()  # type: ignore[call-arg]

    @classmethod
    def fitting(cls, cells: int, vocab_size: int | None = None) -> Puzzle | None:
        """The puzzle of so many cells, and tokens where they are given; None where this kind has none.

        By it a CSV is read, and the kind of a folder without our record is recognised.
        """
        return None

    def plausible(self, sample: np.ndarray | str) -> bool:
        """Whether questions (N, L), or a text, may be of this kind: asked where several kinds have the same sizes."""
        return True

    def generate(self, recipe: Any) -> Maker:
        """How puzzle number i of a recipe is made, whatever the others are and whoever makes them."""
        raise UsageError(
            f"{self.name} puzzles cannot be generated", found="--source generate", expected="--source csv, or hub"
        )

    @classmethod
    def supplying(cls, seq_len: int, vocab_size: int, told: Mapping[str, object]) -> Recipe | None:
        """The recipe of the puzzles of a model that names no dataset, where its sizes leave no doubt which they are.

        `told` is what its file says of its training: a seed, a part, in the words of whoever wrote it.
        """
        return None

    def listed(self, recipe: Any) -> Splits | None:
        """The splits of a recipe, of a kind with so few puzzles that they are listed; None: `generate` makes them."""
        return None

    @classmethod
    def compose(cls, recipe: Any) -> Composed | None:
        """The dataset of a recipe whose puzzles have several examples and identifiers; None: one each, without any."""
        return None

    def restored(self, names: Sequence[str], tokens: np.ndarray) -> np.ndarray | None:
        """Answers (N, L) to copies as answers to their originals, by the names of the copies' identifiers.

        None where a kind has no copies under names of their own: nobody can vote.
        """
        return None

    def group_size(self, recipe: Any) -> int:
        """Puzzles in a group of the training split: an original and the copies that the recipe asks for."""
        return 1

    @abstractmethod
    def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        """Flags (N,) bool of predictions (N, L) for the questions (N, L), without looking at the labels."""

    def contradicts(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(N,) bool: the label changes what the question gives, or is no answer of this kind at all."""
        return np.zeros(len(inputs), dtype=bool)

    def keys(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes]:
        """One key per puzzle; puzzles that a symmetry maps onto each other have equal keys."""
        return [row.tobytes() for row in np.ascontiguousarray(inputs)]

    def sketch(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes]:
        """Something cheap, one per puzzle, that is equal wherever keys are equal, and seldom elsewhere."""
        return self.keys(inputs, labels)

    def first_fault(self, inputs: np.ndarray, labels: np.ndarray, workers: int | None = None) -> Fault | None:
        """The first of the puzzles (N, L) that is not sound: what --check of a CSV looks at.

        `contradicts` has been asked before; this is for what takes time, such as solving every question.
        """
        return None

    def solved(self, inputs: np.ndarray, preds: np.ndarray) -> np.ndarray | None:
        """(N,) bool: predictions (N, L) solve the questions (N, L); None where only the label can tell."""
        return None if self.validity is None else self.check(inputs, preds)[self.validity]

    def given(self, question: np.ndarray) -> np.ndarray:
        """(L,) bool: cells that an answer to the question (L,) must leave as they are."""
        return np.zeros(len(question), dtype=bool)

    def wrong_cells(self, question: np.ndarray, answer: np.ndarray) -> np.ndarray:
        """(L,) bool: cells that break a rule, whatever the right answer may be."""
        return np.zeros(len(question), dtype=bool)

    def solutions(self, question: np.ndarray, label: np.ndarray | None = None) -> Solutions:
        """How many answers a question (L,) has; `label` (L,) where one is known from elsewhere."""
        return Solutions(number="unknown", answer=label)

    def complete(self, inputs: np.ndarray, workers: int | None = None) -> Completion | None:
        """Answers of questions (N, L) that come without; None where the kind has no solver."""
        return None

    def why_wrong(self, question: np.ndarray, answer: np.ndarray, wrong: np.ndarray) -> str:
        """One sentence on an answer that is wrong in the cells `wrong` (L,) bool."""
        cells = np.flatnonzero(wrong)
        places = ", ".join(f"row {c // self.width + 1} column {c % self.width + 1}" for c in cells[:LISTED])
        more = f" and {len(cells) - LISTED} more" if len(cells) > LISTED else ""
        changed = bool((self.given(question) & (np.asarray(answer) != question)).any())
        count = f"{len(cells)} cell" + ("" if len(cells) == 1 else "s")
        return f"wrong in {count}: {places}{more}" + ("; it changes givens" if changed else "")

    def remark(self, question: np.ndarray, answer: np.ndarray) -> str:
        """What is to be added to "right" about an answer that solves the question: "" or a part of a sentence."""
        return ""

    def families(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes] | None:
        """One key per puzzle of what a model might learn by heart, shared by puzzles that are not equal; None: nothing.

        Such as the walls of a maze, whose start and goal may lie anywhere. Equal up to symmetry, as `keys` are.
        """
        return None

    def difficulty(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
        """A rating (N,) float64 of every puzzle, or None where the kind has none."""
        return None

    def describe(self) -> dict[str, object]:
        """What a dataset records, so that `Puzzle.of` makes the same kind again."""
        return {"kind": self.name, "height": self.height, "width": self.width}

    def encode(self, text: str) -> np.ndarray:
        """Tokens (L,) uint8 of a puzzle written cell by cell; raises InputError for a wrong length or character."""
        self.require(text, "the puzzle")
        return self.codes()[np.frombuffer(text.encode("latin-1"), dtype=np.uint8)]

    def read_text(self, text: str) -> np.ndarray:
        """Tokens (L,) of a question as a person writes it, over one line or several; raises InputError."""
        return self.encode(text.strip("\n"))

    def require(self, text: str, where: str, *, answer: bool = False) -> None:
        """Raise InputError where `text` is not one puzzle, or one answer, of this kind."""
        if len(text) != self.seq_len:
            raise InputError(
                f"{where} has the wrong length",
                found=f"{len(text)} characters",
                expected=f"{self.seq_len} ({self.height} x {self.width} cells, row by row)",
            )
        allowed = [c for c in self.characters() if answer or c not in self.answer_only]
        for cell, character in enumerate(text):
            if character not in allowed:
                raise InputError(
                    f"{where} has an unknown character",
                    found=f"{character!r} in row {cell // self.width + 1}, column {cell % self.width + 1}",
                    expected=f"one of {''.join(allowed)!r}",
                )

    def characters(self) -> str:
        """Every character `encode` takes."""
        return "".join(self.tokens[1:])

    def codes(self) -> np.ndarray:
        """Token of each of 256 character codes; 255 where there is none."""
        table = np.full(256, 255, dtype=np.uint8)
        for token, character in enumerate(self.tokens):
            if token != PAD:
                table[ord(character)] = token
        return table

    def decode(self, tokens: np.ndarray) -> str:
        """The characters of one row of tokens; a token outside the vocabulary becomes "?"."""
        return "".join(self.written(tokens))

    def written(self, tokens: np.ndarray) -> list[str]:
        """Each of the tokens as it is written."""
        return [self.tokens[t] if 0 <= t < len(self.tokens) else "?" for t in np.asarray(tokens).tolist()]

    def ballots(self, text: str, name: str, identifiers: Sequence[str]) -> Sequence[Ballot]:
        """The questions of a task that a person gives as text, each in the copies that are asked; none: it is a puzzle.

        `name` is that of the file, `identifiers` are the names of the dataset's puzzle identifiers.
        """
        return ()

    def plain(self, tokens: np.ndarray) -> object:
        """An answer (L,) as plain JSON has it."""
        return self.decode(tokens)

    def draw(self, tokens: np.ndarray, question: np.ndarray | None = None) -> str:
        """The puzzle as lines of text for a terminal. `question` tells givens from filled cells, where that matters."""
        text = self.decode(tokens)
        return "\n".join(text[row * self.width : (row + 1) * self.width] for row in range(self.height))

    def drawing(self, tokens: np.ndarray, question: np.ndarray | None = None) -> Drawing:
        """The puzzle for a figure. `question` tells givens from filled cells."""
        tokens = np.asarray(tokens)
        characters = self.written(tokens)
        return Drawing(
            letters=tuple("" if c in self.unwritten else c for c in characters),
            bold=np.zeros(len(tokens), dtype=bool) if question is None else tokens == question,
            shades=tuple(self.shades.get(c, "") for c in characters) if self.shades else None,
            boxes=self.boxes,
        )
