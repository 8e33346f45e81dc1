"""Micro-batches: how many trajectories fit, and what happens when the guess was too high."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from tiny_runs import arm, random_rows, tiny_config, tiny_learner

from rrdyn.artifacts.errors import RrdynError
from rrdyn.runtime.launch import Group
from rrdyn.training import memory
from rrdyn.training.folder import RunFolder
from rrdyn.training.learner import Learner
from rrdyn.training.loop import Run
from rrdyn.training.rollouts import Rollouts


def test_kept_bytes_grow_with_the_model_and_not_with_the_weights():
    small, deep = tiny_learner(), tiny_learner(L_cycles=6)
    rows = random_rows(4)
    assert memory.kept_bytes(deep, rows) > 1.5 * memory.kept_bytes(small, rows)
    # 3 sub-updates with a gradient, one SwiGLU of inner size 256 over 17 positions in float64 each, and some more
    assert 3 * 17 * 3 * 256 * 8 < memory.kept_bytes(small, rows) < 20 * 3 * 17 * 256 * 8


def test_kept_bytes_of_one_example():
    assert memory.kept_bytes(tiny_learner(), random_rows(1)) == memory.kept_bytes(tiny_learner(), random_rows(2))


@pytest.mark.parametrize(("share", "expected"), [(100.0, 12), (7.5, 6), (4.2, 4), (1.0, 1), (0.1, 1)])
def test_trajectories_are_cut_into_equal_parts_that_fit(monkeypatch, share, expected):
    learner, rows = tiny_learner(), random_rows(3)
    free = share * memory.kept_bytes(learner, rows) / memory.USABLE
    monkeypatch.setattr(memory, "free_memory", lambda device: int(free) + 1)
    assert memory.fitting(learner, rows, 12) == expected


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


def test_one_trajectory_that_does_not_fit(dataset, tmp_path, monkeypatch):
    from rrdyn.training.loop import train

    config = tiny_config(dataset, aug=arm("none-fixed"), steps=2, micro_batch=1)

    def never(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Rollouts, "roll", never)
    with pytest.raises(RrdynError, match="too little memory"):
        train(config, tmp_path / "run")
