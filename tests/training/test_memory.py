"""Micro-batches: how many trajectories fit, and what happens when the guess was too high."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
from tests.cuda.pretended import PretendedCard
from tiny_runs import arm, random_rows, tiny_config, tiny_learner

from rrdyn.artifacts.errors import RrdynError
from rrdyn.runtime.launch import Group
from rrdyn.training import memory
from rrdyn.training.folder import RunFolder
from rrdyn.training.learner import Learner
from rrdyn.training.loop import Run
from rrdyn.training.objective import Share
from rrdyn.training.rollouts import Rollouts


def test_a_pass_grows_with_the_model_and_not_with_the_weights():
    small, deep = tiny_learner(), tiny_learner(L_cycles=6)
    rows = random_rows(4)
    assert memory.pass_bytes(deep, rows).each > 1.5 * memory.pass_bytes(small, rows).each
    # 3 sub-updates with a gradient, one SwiGLU of inner size 256 over 17 positions in float64 each, and some more
    assert 3 * 17 * 3 * 256 * 8 < memory.pass_bytes(small, rows).each < 20 * 3 * 17 * 256 * 8


def test_a_pass_of_one_example():
    assert memory.pass_bytes(tiny_learner(), random_rows(1)) == memory.pass_bytes(tiny_learner(), random_rows(2))


@pytest.mark.parametrize(("micro", "expected"), [(12, 12), (11, 6), (6, 6), (5, 4), (2, 2), (1, 1), (0, 1)])
def test_trajectories_are_cut_into_equal_parts_that_fit(micro, expected):
    """The free memory is what passes of `micro` trajectories take, with the moments and the states beside them."""
    learner, rows = tiny_learner(), random_rows(3)
    need = memory.Need.of(learner, Rollouts(learner, arm("multi4"), Share.of(3), 0), rows)
    room = need.total(micro) if micro else need.lasting
    assert need.fitting(int(room / memory.USABLE) + 2) == expected


def test_connections_are_counted_on_gpus():
    learner, rows = tiny_learner(), random_rows(2)
    objective = Rollouts(learner, arm("multi4"), Share.of(2), 0)
    alone, of_two = (memory.Need.of(learner, objective, rows, world=world).lasting for world in (1, 2))
    assert alone == of_two  # on a CPU there are none
    with PretendedCard():
        learner.model.to("cuda")
        learner = Learner(learner.model)
        rows = {name: column.to("cuda") for name, column in rows.items()}
        alone, of_two = (memory.Need.of(learner, objective, rows, world=world).lasting for world in (1, 2))
    assert of_two - alone == memory.BUFFERS


def test_out_of_memory_halves_the_micro_batch(dataset, tmp_path, monkeypatch):
    """The step is done again in smaller parts, and its result is the one it would have had."""

    def finished(folder) -> Run:
        config = tiny_config(dataset, aug=arm("multi4"), steps=2, global_batch=4, dtype="float64")
        run = Run(config, RunFolder(folder), torch.device("cpu"), Group())
        run.open_folder()
        run.prepare(None)
        run.run()
        run.folder.unlock()
        return run

    whole = finished(tmp_path / "whole")
    plain = Learner._pass

    def limited(self, z, rows, weights):
        if len(z.z_H) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, z, rows, weights)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "_pass", limited)
        patch.setattr("rrdyn.training.loop.make_plan", lambda *_: SimpleNamespace(lines=list))
        parts = finished(tmp_path / "parts")
    assert parts.trainer.learner.micro == 4
    torch.testing.assert_close(parts.trainer.flat.vector, whole.trainer.flat.vector, rtol=0, atol=1e-9)
    assert "going on with micro-batches of 4 trajectories" in (tmp_path / "parts" / "train.log").read_text()


def test_memory_is_given_back_outside_of_the_handler(dataset, tmp_path, monkeypatch):
    """Inside, the traceback holds the tensors of the step that failed, and nothing of theirs is given back."""
    run = Run(tiny_config(dataset, aug=arm("multi4")), RunFolder(tmp_path), torch.device("cpu"), Group())
    run.prepare(None)
    run.device, run.trainer.learner.micro, handled, outcomes = torch.device("cuda"), 8, [], ["too little", "done"]
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: handled.append(sys.exc_info()[1]))
    monkeypatch.setattr(run, "_message", lambda text: None)

    def step(rows):
        if outcomes.pop(0) == "too little":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return {}

    monkeypatch.setattr(run.trainer, "train_step", step)
    run._step({}, {})
    assert handled == [None]
    assert run.trainer.learner.micro == 4


def test_one_trajectory_that_does_not_fit(dataset, tmp_path, monkeypatch):
    from rrdyn.training.loop import train

    config = tiny_config(dataset, aug=arm("none-fixed"), steps=2, micro_batch=1)

    def never(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Rollouts, "roll", never)
    with pytest.raises(RrdynError, match="too little memory"):
        train(config, tmp_path / "run")
