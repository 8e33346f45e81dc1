"""What a run measures on its validation puzzles, and which puzzles those are."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from tiny_runs import TRM

from rrdyn.artifacts.errors import InputError
from rrdyn.data.folder import open_split
from rrdyn.models import build
from rrdyn.training.batches import rows_of
from rrdyn.training.config import EvalConfig
from rrdyn.training.datasets import open_training_data
from rrdyn.training.evaluation import chosen, evaluate


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = {"seq_len": 16, "vocab_size": 6, "num_puzzle_identifiers": 1, "forward_dtype": "float32"}
    model = build({**TRM, **sizes}).double().eval()
    model.dtype = torch.float64
    with torch.no_grad():
        model.inner.q_head.weight.normal_()
    return model


@pytest.fixture(scope="module")
def split(dataset):
    return open_split(dataset, "test")


def test_numbers_are_those_of_a_plain_rollout(model, split):
    examples = np.arange(10)
    found = evaluate(model, split, examples, EvalConfig(n=10, perturbed_n=0, lyapunov_n=0), seed=0, step=0)
    rows = rows_of(split, examples, torch.device("cpu"))
    with torch.no_grad():
        e, z = model.embed(rows["inputs"], rows["puzzle_identifiers"]), model.initial(10)
        drifts = []
        for _ in range(4):
            before, z = z, model.segment(z, e)
            drifts.append((z.z_H - before.z_H).flatten(1).norm(dim=1))
        readout = model.read(z)
    right = readout.logits.argmax(-1) == rows["labels"]
    assert found.acc == right.all(1).double().mean().item()
    assert found.token_acc == pytest.approx(right.double().mean().item())
    assert found.drift == pytest.approx(torch.stack(drifts).mean().item())
    assert found.q_acc == ((readout.q_halt >= 0) == right.all(1)).double().mean().item()
    assert found.acc_pert is None
    assert found.lam1 is None
    assert found.eval_n == 10


def test_the_batch_does_not_matter(model, split):
    examples = np.arange(12)
    results = [
        evaluate(model, split, examples, EvalConfig(n=12, perturbed_n=7, lyapunov_n=2, batch=batch), seed=4, step=0)
        for batch in (12, 5, 1)
    ]
    for other in results[1:]:
        assert other.record() == pytest.approx(results[0].record(), rel=1e-9)
    assert results[0].eval_perturbed_n == 7
    assert results[0].lam1 is not None


def test_no_noise_changes_no_answer(model, split):
    settings = EvalConfig(n=12, perturbed_n=12, lyapunov_n=0)
    quiet = evaluate(model, split, np.arange(12), settings.model_copy(update={"sigma": 0.0}), seed=0, step=0)
    assert quiet.eval_changed == 0
    assert quiet.acc_pert == quiet.acc
    loud = evaluate(model, split, np.arange(12), settings.model_copy(update={"sigma": 30.0}), seed=0, step=0)
    assert loud.eval_changed > 0.5


def test_the_same_puzzles_for_every_seed():
    examples = np.arange(100, 200)
    first = chosen(examples, 20)
    assert len(set(first.tolist())) == 20
    assert (np.diff(first) > 0).all()
    np.testing.assert_array_equal(first, chosen(examples, 20))
    np.testing.assert_array_equal(chosen(examples, 500), examples)


def test_the_val_split_is_used_where_there_is_one(dataset):
    data = open_training_data(dataset)
    assert data.train.groups == 128
    assert len(data.examples) == data.validation.groups == 16
    assert "val split" in data.how


def test_without_a_val_split_training_groups_are_held_out(dataset, tmp_path):
    folder = shutil.copytree(dataset, tmp_path / "data")
    shutil.rmtree(folder / "val")
    data = open_training_data(folder)
    assert data.train.groups == 122
    assert data.train.metadata.total_groups == 122
    assert data.examples.tolist() == list(range(122, 128))
    assert "held out" in data.how
    learned = set(data.train.originals.tolist())
    assert not learned & set(data.examples.tolist())


def test_a_folder_that_is_no_dataset(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_training_data(tmp_path / "nowhere")
