"""Evaluation: per segment, and with real halting, which must be the fixed budget read at the halting segment."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from rrdyn.analysis.intervals import rate
from rrdyn.artifacts.errors import InputError
from rrdyn.data.maze.kind import Maze
from rrdyn.data.writer import write_split
from rrdyn.measurement.campaign import Request
from rrdyn.measurement.evaluation import EvaluationConfig, evaluate, evaluate_request, mean, share, summary, table
from rrdyn.measurement.subject import open_subject
from rrdyn.models import Readout, build, load, save
from rrdyn.models.work import segment_work

DATA = Path(__file__).parents[1] / "golden" / "models"
CPU = torch.device("cpu")


def mazes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Random 5x5 grids with a start and a goal; labels mark nothing right on purpose."""
    random = np.random.default_rng(4)
    inputs = np.where(random.random((n, 25)) < 0.35, 1, 2).astype(np.uint8)
    for row in inputs:
        row[random.permutation(25)[:2]] = 3, 4
    return inputs, inputs.copy()


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mazes")
    inputs, labels = mazes(60)
    model = load(DATA / "maze5.pt")
    with torch.inference_mode():  # half of the labels are what the model says after its fourth segment
        z = model.initial(60)
        recurrence = model.recurrence(model.embed(torch.from_numpy(inputs).int(), torch.zeros(60, dtype=torch.long)))
        for _ in range(4):
            z = recurrence.segment(z)
        labels[:30] = model.read(z).logits.argmax(-1)[:30].numpy()
        labels[labels == 0] = 2
    write_split(folder / "data", "test", Maze(5), inputs, labels)
    with torch.no_grad():
        model.inner.q_head.bias[0] -= 3.2  # so that some puzzles never halt
    checkpoint = save(model, folder / "ckpt", {"dataset": str(folder / "data")})
    return open_subject(checkpoint, data=None, split="test", dtype=torch.float32, device=CPU)


@pytest.fixture(scope="module")
def fixed(subject):
    return evaluate(subject, EvaluationConfig(n=0, batch=7))


def test_halting_is_the_fixed_budget_read_at_the_halting_segment(subject, fixed):
    halted = evaluate(subject, EvaluationConfig(n=0, batch=7, halt=True))
    assert len(np.unique(fixed.halted_at)) > 2  # a case worth testing
    assert (halted.halted_at == fixed.halted_at).mean() > 0.95  # a logit next to 0 turns by rounding
    for key in ("exact", "token_acc", "preds", "valid"):
        assert (halted.at_halt(halted.arrays[key]) == fixed.at_halt(fixed.arrays[key])).mean() > 0.95
    logits = [of.at_halt(of.arrays["q_halt"]) for of in (halted, fixed)]  # in smaller batches: other last digits
    np.testing.assert_allclose(*logits, rtol=0, atol=0.1)
    for row, last in enumerate(halted.halted_at):  # what is not counted is not computed
        assert np.isnan(halted.arrays["q_halt"][row, last:]).all()
        assert (halted.arrays["preds"][row, last:] == -1).all()


def test_the_halting_segment_is_the_first_that_says_so(fixed):
    says = fixed.arrays["q_halt"] > 0
    first = np.where(says.any(1), says.argmax(1) + 1, fixed.segments)
    np.testing.assert_array_equal(fixed.halted_at, first)


def test_nothing_depends_on_the_batch(subject, fixed):
    for batch in (1, 60):
        other = evaluate(subject, EvaluationConfig(n=0, batch=batch))
        assert (other.arrays["preds"] == fixed.arrays["preds"]).mean() > 0.99
        # another number of rows may take another kernel; what that rounds away grows from segment to segment
        np.testing.assert_allclose(other.arrays["q_halt"][:, 0], fixed.arrays["q_halt"][:, 0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(other.arrays["q_halt"], fixed.arrays["q_halt"], rtol=0, atol=0.1)


@pytest.mark.slow
def test_two_processes_give_the_same(subject, fixed):
    request = Request(
        measurement="evaluation", config=EvaluationConfig(n=0, batch=7), checkpoints=(subject.weights.parent,),
        device="cpu", devices=2,
    )  # fmt: skip
    _, shared = evaluate_request(request)
    np.testing.assert_array_equal(shared.arrays["preds"], fixed.arrays["preds"])


def test_exactness_and_validity_are_told_apart(subject, fixed):
    labels = np.asarray(subject.split.labels)
    np.testing.assert_array_equal(fixed.exact, (fixed.arrays["preds"] == labels[:, None]).all(-1))
    assert fixed.exact[:30, 3].all()
    assert fixed.validity == "path_valid"
    assert (fixed.arrays["valid"] != fixed.exact).any()


def test_the_record_and_its_table(subject, fixed):
    record = summary(fixed)
    assert record.n == 60
    assert record.budget == 8
    assert record.segments[3].exact.value == fixed.exact[:, 3].mean()
    assert sum(record.halting.steps_used.values()) == 60
    lost = int((fixed.exact[:, -1] & ~fixed.at_halt(fixed.exact)).sum())
    assert record.halting.lost == lost
    text = table(record)
    assert f"{lost} answers lost" in text
    assert len([line for line in text.splitlines() if line.strip().startswith(("1 ", "8 ", "halted"))]) == 3
    short = summary(evaluate(subject, EvaluationConfig(n=0, halt=True)))
    assert "segments" not in short.model_dump()
    assert "halted" in table(short)


def test_as_many_segments_as_another_pays_for(subject, tmp_path):
    other = build({**subject.model.config.model_dump(), "L_layers": 2 * subject.model.config.L_layers})
    path = save(other, tmp_path / "larger")
    found = evaluate(subject, EvaluationConfig(n=5, operations_of=path))
    assert found.settings.segments == found.segments == 2 * other.budget
    assert evaluate(subject, EvaluationConfig(n=5, operations_of=path, segments=3)).segments == 6
    record = summary(found)
    assert record.work.operations * 2 == segment_work(other).operations
    assert f"a segment: {record.work.sub_updates} sub-updates, {record.work.layers} layers" in table(record)


def test_intervals():
    half = share(np.arange(100) < 50)  # Wilson 1927; textbook value for 50 of 100
    assert (half.low, half.high) == (pytest.approx(0.40383, abs=1e-5), pytest.approx(0.59617, abs=1e-5))
    found = mean(np.array([1.0, 2.0, 3.0]))
    assert found.high - found.value == pytest.approx(1.95996 / math.sqrt(3), abs=1e-4)
    alone = mean(np.array([0.5]))
    assert (alone.value, alone.low, alone.high) == (0.5, None, None)
    assert alone.told() == "0.500 (no interval: n below 2)"


def test_puzzles_without_any_answer_cannot_be_evaluated(subject, tmp_path):
    inputs, labels = mazes(4)
    write_split(tmp_path, "test", Maze(5), inputs, np.zeros_like(labels))
    questions = open_subject(subject.weights, data=tmp_path, split="test", dtype=torch.float32, device=CPU)
    with pytest.raises(InputError, match="no puzzle has an answer"):
        evaluate(questions, EvaluationConfig(n=4))


@pytest.mark.parametrize("count", [0, 7, 10])
def test_a_rate_has_one_interval_in_the_whole_package(count):
    assert share(np.arange(10) < count) == rate(count, 10)


def test_a_subset_is_drawn_by_the_seed(subject):
    a, b, c = (evaluate(subject, EvaluationConfig(n=9, segments=1, seed=seed)).arrays["idx"] for seed in (0, 0, 1))
    assert a.tolist() == b.tolist() != c.tolist()
    assert len(set(a.tolist())) == 9


def test_each_family_halts_by_its_own_rule():
    sizes = {"seq_len": 4, "vocab_size": 6, "hidden_size": 8, "num_heads": 2}
    readout = Readout(torch.empty(0), torch.tensor([1.0, 1.0, -1.0]), torch.tensor([0.0, 2.0, -2.0]))
    halt_only = build({"name": "trm", **sizes})
    both = build({"name": "trm", "no_ACT_continue": False, **sizes})
    hrm = build({"name": "hrm", "H_layers": 1, "L_layers": 1, **sizes})
    assert halt_only.halts(readout).tolist() == [True, True, False]
    assert both.halts(readout).tolist() == hrm.halts(readout).tolist() == [True, False, True]
