"""Addition modulo p: the question a, b, =, and one answer, read at the place of the sign."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Self

import numpy as np

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.collection import Collection, Splits
from rrdyn.data.drawing import Drawing
from rrdyn.data.modular.recipe import MOST, ModularRecipe
from rrdyn.data.puzzle import Puzzle, Solutions
from rrdyn.data.registry import register

CELLS, ANSWER = 3, 2
"""Tokens of a question, and the place at which the answer is read."""


@register
class ModularAddition(Puzzle):
    """Tokens: number n is token n, the sign "=" is token p. Nothing is padded, so the sign marks labels not asked for.

    Layout and split as in Nanda et al. 2023 (arXiv:2301.05217), section 3: the answer is asked at the sign alone, and
    the training pairs are the first of all pairs in the order that Python's generator of the seed shuffles them into.
    """

    name = "modular"
    validity = "valid"
    recipe = ModularRecipe
    presets = ("modular-small", "modular-small")
    sizes = "no file of questions: `rrdyn data modular --p P` makes all pairs"
    rule = "(a + b) mod p"
    unwritten = ""
    by_look = True

    def __init__(self, p: int = 113) -> None:
        if not 2 <= p <= MOST:
            raise UsageError("there is no modular addition of this size", found=p, expected=f"2 to {MOST}")
        self.p = self.ignored = p
        super().__init__(1, CELLS, (*map(str, range(p)), "="))

    @classmethod
    def from_recipe(cls, recipe: ModularRecipe) -> Self:
        return cls(recipe.p)

    @classmethod
    def fitting(cls, cells: int, vocab_size: int | None = None) -> ModularAddition | None:
        fits = cells == CELLS and vocab_size is not None and 2 <= vocab_size - 1 <= MOST
        return cls(vocab_size - 1) if fits and vocab_size else None

    def plausible(self, sample: np.ndarray | str) -> bool:
        """Two numbers and the sign."""
        if isinstance(sample, str):
            return bool(re.search(r"\d", sample))
        head = np.asarray(sample[:64])
        return len(head) > 0 and bool((head[:, ANSWER] == self.p).all() and (head[:, :ANSWER] < self.p).all())

    @classmethod
    def supplying(cls, seq_len: int, vocab_size: int, told: Mapping[str, object]) -> ModularRecipe | None:
        """All pairs; which were trained on is known where the file tells part and seed in the paper's own words."""
        if cls.fitting(seq_len, vocab_size) is None or told.get("p") not in (None, vocab_size - 1):
            return None
        part, seed = told.get("frac_train"), told.get("seed")
        if isinstance(part, float) and 0 < part < 1 and isinstance(seed, int) and 0 <= seed < 1 << 62:
            return ModularRecipe(p=vocab_size - 1, part=part, seed=seed)
        return ModularRecipe(p=vocab_size - 1)

    def listed(self, recipe: ModularRecipe) -> Splits:
        sizes = recipe.sizes
        if sizes["test"] < 1 or sizes["train"] < 1:
            raise UsageError(
                "no pairs are left for a split", found=f"{self.p**2} pairs, {sizes}", expected="another --part"
            )
        pairs = [(a, b) for a in range(self.p) for b in range(self.p)]
        random.Random(recipe.seed).shuffle(pairs)
        trained, left = pairs[: recipe.pairs], pairs[recipe.pairs :]
        val, test = left[: sizes["val"]], left[sizes["val"] :][: sizes["test"]]
        train, test_puzzles = (self.puzzles(np.array(sorted(part))) for part in (trained[: sizes["train"]], test))
        return Splits(train=train, val=self.puzzles(np.array(val)) if val else None, test=test_puzzles)

    def puzzles(self, pairs: np.ndarray) -> Collection:
        """Questions and labels of pairs (N, 2)."""
        a, b = np.asarray(pairs, dtype=np.int64).T
        sign = np.full_like(a, self.p)
        questions, labels = np.stack([a, b, sign], axis=1), np.stack([sign, sign, (a + b) % self.p], axis=1)
        return Collection(questions.astype(np.uint8), labels.astype(np.uint8))

    def answers(self, inputs: np.ndarray) -> np.ndarray:
        """(N,) the right numbers of questions (N, 3)."""
        return np.asarray(np.asarray(inputs)[:, :ANSWER].astype(np.int64).sum(axis=1) % self.p)

    def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        return {"valid": np.asarray(preds)[:, ANSWER] == self.answers(inputs)}

    def wrong_cells(self, question: np.ndarray, answer: np.ndarray) -> np.ndarray:
        wrong = np.zeros(CELLS, dtype=bool)
        wrong[ANSWER] = answer[ANSWER] != self.answers(np.asarray(question)[None])[0]
        return wrong

    def solutions(self, question: np.ndarray, label: np.ndarray | None = None) -> Solutions:
        return Solutions(number="one")

    def why_wrong(self, question: np.ndarray, answer: np.ndarray, wrong: np.ndarray) -> str:
        return f"wrong: the answer is {self.answers(np.asarray(question)[None])[0]}, not {self.written(answer)[ANSWER]}"

    def describe(self) -> dict[str, object]:
        return {"kind": self.name, "p": self.p}

    def decode(self, tokens: np.ndarray) -> str:
        """The three tokens as they are."""
        return " ".join(self.written(tokens))

    def encode(self, text: str) -> np.ndarray:
        return self.read_text(text)

    def read_text(self, text: str) -> np.ndarray:
        """Two numbers, with whatever signs between and behind them: "12 + 7 =", "12 7", "12,7"."""
        numbers = re.findall(r"\d+", text)
        if len(numbers) != 2 or re.search(r"[^\d\s+,;=?]", text) or any(int(n) >= self.p for n in numbers):
            raise InputError(
                "the question is no sum of two numbers", found=text[:80],
                expected=f"two numbers from 0 to {self.p - 1}, such as '12 + 7'",
            )  # fmt: skip
        return np.array([*map(int, numbers), self.p], dtype=np.uint8)

    def draw(self, tokens: np.ndarray, question: np.ndarray | None = None) -> str:
        """A question as a sum; an answer as the sum with what was answered."""
        a, b, last = self.written(tokens if question is None else np.array([*question[:ANSWER], tokens[ANSWER]]))
        return f"{a} + {b} =" if question is None else f"{a} + {b} = {last}"

    def drawing(self, tokens: np.ndarray, question: np.ndarray | None = None) -> Drawing:
        """What an answer holds at the places of the question is not asked for: the question stands there."""
        if question is None:
            return super().drawing(tokens)
        shown = np.array([*np.asarray(question)[:ANSWER], np.asarray(tokens)[ANSWER]])
        given = np.arange(CELLS) < ANSWER
        return replace(super().drawing(shown, question), bold=given)
