"""Addition modulo p: a task of three tokens without padding, made, trained, measured and drawn as any other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main
from rrdyn.data import ModularAddition, open_split
from rrdyn.data.defaults import supply
from rrdyn.data.metadata import IGNORED
from rrdyn.data.modular.recipe import ModularRecipe
from rrdyn.data.registry import recognised
from rrdyn.data.sampler import Sampler
from rrdyn.data.tokens import Tokens


@pytest.fixture(scope="module")
def seven(tmp_path_factory):
    out = tmp_path_factory.mktemp("modular") / "seven"
    assert main(["data", "modular", "--p", "7", "--part", "0.5", "--out", str(out)]) == 0
    return out


def test_all_pairs_are_there_once_and_the_answer_is_asked_at_the_sign_alone(seven):
    splits = [open_split(seven, name) for name in ("train", "test")]
    assert [len(split) for split in splits] == [24, 25]  # round(24.5) is even
    pairs = np.concatenate([split.inputs for split in splits])
    assert len(np.unique(pairs, axis=0)) == 49
    assert (pairs[:, 2] == 7).all()
    for split in splits:
        answers = split.answers(slice(None))
        assert (answers[:, :2] == IGNORED).all()
        assert (answers[:, 2] == split.inputs[:, :2].astype(int).sum(axis=1) % 7).all()
        assert (split.asked == 1).all()
        assert split.puzzle.check(split.inputs, split.labels)["valid"].all()


def test_the_token_of_the_number_0_is_a_label_like_any_other(seven):
    split = open_split(seven)
    zero = np.flatnonzero(split.answers(slice(None))[:, 2] == 0)
    assert len(zero)
    batch = Sampler(split, global_batch=25, seed=0).next()
    assert set(batch["labels"][:, 2]) == set(range(7))
    assert (batch["labels"][:, :2] == IGNORED).all()


def test_the_split_is_the_one_of_the_paper():
    """Pairs that Nanda et al.'s `gen_train_test(frac_train=.3, num=113, seed=0)` trains on, by its published rule."""
    import random

    pairs = [(a, b) for a in range(113) for b in range(113)]
    random.Random(0).shuffle(pairs)
    splits = ModularAddition(113).listed(ModularRecipe(p=113))
    train, test = ({(int(a), int(b)) for a, b, _ in part.inputs} for part in (splits.train, splits.test))
    assert train == set(pairs[:3831])
    assert test == set(pairs[3831:])
    assert splits.val is None


@given(p=st.integers(2, 255), data=st.data())
def test_a_sum_reads_back(p, data):
    a, b = data.draw(st.integers(0, p - 1)), data.draw(st.integers(0, p - 1))
    kind = ModularAddition(p)
    for text in (f"{a} + {b} =", f"{a},{b}", f" {a} {b}\n"):
        assert kind.read_text(text).tolist() == [a, b, p]
    question = kind.read_text(f"{a}+{b}")
    assert kind.draw(question) == f"{a} + {b} ="
    answer = kind.puzzles(np.array([[a, b]])).labels[0]
    assert kind.draw(answer, question) == f"{a} + {b} = {(a + b) % p}"
    assert not kind.wrong_cells(question, answer).any()
    assert kind.fitting(3, p + 1).p == p


@pytest.mark.parametrize("text", ["1 + 2 + 3", "1 - 2", "7 + 1", "", "a + b"])
def test_what_is_no_sum_is_refused(text):
    with pytest.raises(InputError, match="no sum of two numbers"):
        ModularAddition(7).read_text(text)


def test_three_tokens_of_something_else_are_not_taken_for_a_sum():
    assert isinstance(recognised(3, 8, np.array([[1, 2, 7], [6, 0, 7]])), ModularAddition)
    assert isinstance(recognised(3, 8, np.array([[1, 2, 3]])), Tokens)


@pytest.mark.parametrize("arguments", [["--p", "1"], ["--p", "300"], ["--part", "1.5"], ["--p", "2", "--part", "0.9"]])
def test_settings_without_pairs_are_refused(arguments, tmp_path, capsys):
    assert main(["data", "modular", *arguments, "--out", str(tmp_path / "x")]) == 2
    assert "Traceback" not in capsys.readouterr().err
    with pytest.raises(UsageError):
        ModularAddition(300)


def test_a_model_that_names_no_dataset_gets_the_pairs_of_its_own_seed(tmp_path):
    assert supply(81, 11, {}) is None
    assert supply(3, 114, {"p": 97}) is None
    made = supply(3, 8, {"p": 7, "frac_train": 0.5, "seed": 3}, tmp_path)
    assert made == tmp_path / "modular-7-0.5-seed3"
    assert open_split(made).record.recipe["seed"] == 3
    assert supply(3, 8, {"p": 7, "frac_train": 0.5, "seed": 3}, tmp_path) == made


def test_it_is_trained_diagnosed_followed_and_drawn(seven, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ["model.hidden_size=16", "model.num_heads=2", "model.halt_max_steps=2", "model.H_cycles=1",
             "model.L_cycles=1", "model.pos_encodings=learned", "model.mlp_t=false", "global_batch=24",
             "shuffle_puzzles=false", "eval.n=4", "eval.perturbed_n=2", "eval.lyapunov_n=1"]  # fmt: skip
    line = ["train", str(seven), "--steps", "2", "--out", "run", "--device", "cpu"]
    assert main([*line, "--set", *small]) == 0
    assert main(["diagnose", "run", "--n", "5", "--k", "1", "--device", "cpu"]) == 0
    assert main(["fate", "run", "--n", "2", "--horizon", "16", "--multipliers", "0", "--device", "cpu"]) == 0
    capsys.readouterr()
    assert main(["solve", "run", "--puzzle", "3 + 5 =", "--device", "cpu"]) == 0
    assert "3 + 5 = " in capsys.readouterr().out
    diag = read_npz(tmp_path / "run" / "diag" / "diag.npz")
    assert (diag["asked"] == 1).all()
    assert (diag["exact_correct"] == diag["valid"]).all()
    assert (diag["exact_correct"] == diag["token_acc"]).all()
    assert main(["plot", "puzzle", str(seven), "--out", "board.png"]) == 0
    assert main(["plot", "puzzle", "run/diag/diag.npz", "--out", "strip.png"]) == 0
