"""What a kind of puzzle is: its tokens, its checker, its drawing and its symmetries.

A new kind is one subclass of `Puzzle` under a name; `docs/data.md` works an example through.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, ClassVar, Protocol

import numpy as np

from rrdyn.artifacts.errors import InputError, UsageError

PAD = 0
OWN_KINDS = "RRDYN_PUZZLES"


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


class Puzzle(ABC):
    """One kind of puzzle on a grid of `height` x `width` cells, written as rows of tokens.

    Token 0 is padding (and, in labels, "ignored"); token t is written as the character `tokens[t]`.
    """

    name: ClassVar[str]
    validity: ClassVar[str | None] = None
    """The check that says whether a prediction solves the puzzle, where that is more than equality with the label."""
    answer_only: ClassVar[str] = ""
    """Characters that may stand in an answer but not in a question."""

    def __init__(self, height: int, width: int, tokens: str) -> None:
        self.height, self.width, self.tokens = height, width, tokens

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

    def difficulty(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
        """A rating (N,) float64 of every puzzle, or None where the kind has none."""
        return None

    def describe(self) -> dict[str, Any]:
        """What a dataset records, so that `Puzzle.of` makes the same kind again."""
        return {"kind": self.name, "height": self.height, "width": self.width}

    def encode(self, text: str) -> np.ndarray:
        """Tokens (L,) uint8 of a puzzle written cell by cell; raises InputError for a wrong length or character."""
        self.require(text, "the puzzle")
        return self.codes()[np.frombuffer(text.encode("latin-1"), dtype=np.uint8)]

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
        return self.tokens[1:]

    def codes(self) -> np.ndarray:
        """Token of each of 256 character codes; 255 where there is none."""
        table = np.full(256, 255, dtype=np.uint8)
        for token, character in enumerate(self.tokens):
            if token != PAD:
                table[ord(character)] = token
        return table

    def decode(self, tokens: np.ndarray) -> str:
        """The characters of one row of tokens; a token outside the vocabulary becomes "?"."""
        return "".join(self.tokens[t] if 0 <= t < len(self.tokens) else "?" for t in np.asarray(tokens).tolist())

    def draw(self, tokens: np.ndarray, question: np.ndarray | None = None) -> str:
        """The puzzle as lines of text for a terminal. `question` tells givens from filled cells, where that matters."""
        text = self.decode(tokens)
        return "\n".join(text[row * self.width : (row + 1) * self.width] for row in range(self.height))


class Tokens(Puzzle):
    """A grid of tokens about which nothing more is known: no checker, no symmetries."""

    name = "tokens"

    def __init__(self, height: int, width: int, vocab_size: int) -> None:
        letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        super().__init__(height, width, "".join(letters[t] if t < len(letters) else "?" for t in range(vocab_size)))

    def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "vocab_size": self.vocab_size}


KINDS: dict[str, type[Puzzle]] = {"tokens": Tokens}


def register(kind: type[Puzzle]) -> type[Puzzle]:
    """Make a kind known by its name, so that datasets of it are opened with its checker and drawing."""
    KINDS[kind.name] = kind
    return kind


def from_description(description: dict[str, Any]) -> Puzzle:
    """The kind that a dataset recorded with `Puzzle.describe`.

    A name that is not known yet is looked for in the modules that the environment variable RRDYN_PUZZLES lists.
    """
    fields = dict(description)
    name = fields.pop("kind", None)
    if name not in KINDS:
        _import_own_kinds()
    if name not in KINDS:
        raise InputError(
            f"there is no kind of puzzle called {name!r}",
            expected="one of " + ", ".join(sorted(KINDS)),
            run=f"{OWN_KINDS}=MODULE, the module that registers it, on the Python path",
        )
    return KINDS[name](**fields)


def _import_own_kinds() -> None:
    for module in filter(None, os.environ.get(OWN_KINDS, "").split(",")):
        try:
            import_module(module)
        except ImportError as error:
            raise UsageError(
                f"{OWN_KINDS} names a module that cannot be imported",
                found=error,
                run=f"PYTHONPATH=. {OWN_KINDS}=MODULE",
            ) from None
