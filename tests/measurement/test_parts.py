from __future__ import annotations

import os
import random
import signal
import time

import numpy as np
import pytest
import torch

from rrdyn.artifacts import provenance
from rrdyn.artifacts.errors import Interrupted
from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main
from rrdyn.measurement import parts
from rrdyn.measurement.shard import Shard
from rrdyn.measurement.subject import default_outputs


def squares(positions):
    return {"x": np.array([i * i for i in positions])}


def plan(tmp_path, total=10, block=3, **settings):
    return parts.plan(tmp_path / "out.npz", {"settings": settings}, total, lambda: block)


def test_resume_does_only_what_is_missing(tmp_path):
    work, seen = plan(tmp_path), []

    def failing(positions):
        seen.append(positions)
        if len(seen) == 3:
            raise RuntimeError("power cut")
        return squares(positions)

    with pytest.raises(RuntimeError):
        parts.work(work, failing, shard=Shard(), label="x", parallel=False)
    assert parts.gather(work, wait=False) is None
    again = plan(tmp_path, block=7)  # the block chosen first is kept
    assert again.block == 3
    parts.work(again, failing, shard=Shard(), label="x", parallel=False)
    assert seen == [range(3), range(3, 6), range(6, 9), range(6, 9), range(9, 10)]
    np.testing.assert_array_equal(parts.gather(again, wait=False)["x"], np.arange(10) ** 2)
    parts.discard(again)
    assert list(tmp_path.iterdir()) == []


def test_other_settings_do_not_mix(tmp_path):
    one, two = plan(tmp_path, a=1), plan(tmp_path, a=2)
    parts.work(one, squares, shard=Shard(), label="x", parallel=False)
    assert parts.gather(two, wait=False) is None


def test_a_damaged_part_is_made_again(tmp_path):
    work = plan(tmp_path)
    parts.work(work, squares, shard=Shard(), label="x", parallel=False)
    work.path(1).write_bytes(work.path(1).read_bytes()[:40])
    parts.work(work, squares, shard=Shard(), label="x", parallel=False)
    np.testing.assert_array_equal(parts.gather(work, wait=False)["x"], np.arange(10) ** 2)


def test_what_is_there_is_told_without_reading_it(tmp_path, monkeypatch):
    """A million puzzles are hundreds of megabytes: a resumed run read every part before its first puzzle."""
    work = plan(tmp_path)
    parts.work(work, squares, shard=Shard(), label="x", parallel=False)
    monkeypatch.setattr(parts, "read_npz", lambda *_: pytest.fail("a part was read"))
    parts.work(work, squares, shard=Shard(), label="x", parallel=False)


def test_a_part_damaged_inside_is_found_when_it_is_joined(tmp_path):
    work = plan(tmp_path)
    parts.work(work, squares, shard=Shard(), label="x", parallel=False)
    content = bytearray(work.path(1).read_bytes())
    place = bytes(content).index(np.array([9, 16, 25]).tobytes())
    content[place] ^= 1  # the zip directory is whole, a checksum is wrong
    work.path(1).write_bytes(bytes(content))
    made = []

    def compute(positions):
        made.append(positions)
        return squares(positions)

    found = parts.complete(work, compute, shard=Shard(), label="x", parallel=False)
    assert made == [range(3, 6)]
    np.testing.assert_array_equal(found["x"], np.arange(10) ** 2)


def test_shards_are_disjoint_and_complete(tmp_path):
    for rank in (2, 0, 1):
        work = plan(tmp_path)
        parts.work(work, squares, shard=Shard(rank=rank, world=3), label="x", parallel=False)
        joined = parts.gather(work, wait=False)
        assert (joined is None) == (rank != 1)
    np.testing.assert_array_equal(joined["x"], np.arange(10) ** 2)


def test_ctrl_c_says_what_is_kept(tmp_path):
    work = plan(tmp_path)

    def stop(positions):
        if positions.start == 6:
            raise KeyboardInterrupt
        return squares(positions)

    with pytest.raises(Interrupted, match="2 of 4 parts are kept"):
        parts.work(work, stop, shard=Shard(), label="x", parallel=False)


def test_default_outputs(tmp_path):
    run = tmp_path / "run"
    steps = [run / "checkpoints" / name for name in ("step_1", "step_2")]
    for step in steps:
        step.mkdir(parents=True)
    assert default_outputs(steps, "diag") == [run / "diag" / f"diag_{step.name}.npz" for step in steps]
    assert default_outputs([steps[0] / "model.safetensors"], "diag") == [run / "diag" / "diag_step_1.npz"]
    assert default_outputs([run], "rollout") == [run / "eval" / "rollout.npz"]
    assert default_outputs([tmp_path / "ckpt.pt"], "diag") == [tmp_path / "diag.npz"]
    both = default_outputs([tmp_path / "a.pt", tmp_path / "b.pt"], "diag")
    assert both == [tmp_path / "diag_a.npz", tmp_path / "diag_b.npz"]


def forked(line, folder):
    """The command in a child that shares our imports; its process id."""
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        os._exit(main(line))
    return child


@pytest.mark.slow
def test_killed_at_twenty_random_moments(trm_checkpoint, tmp_path, monkeypatch):
    """512 puzzles, SIGKILL at 20 random moments: the file equals that of one uninterrupted run, byte for byte."""
    line = ["diagnose", str(trm_checkpoint), "--split", "train", "--n", "512", "--k", "2", "--quiet"]
    line += ["--segments", "1", "--batch", "4", "--out", "diag.npz"]
    monkeypatch.setattr(provenance, "git_commit", lambda: None)  # somebody may commit in between
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    torch.set_num_threads(1)  # a fork does not inherit the threads of a pool
    assert os.waitpid(forked(line, whole), 0)[1] == 0
    moments, kept = random.Random(0), [0]

    def there():
        return len(list(killed.glob("diag.npz.parts/*/part_*.npz")))

    for _ in range(20):  # at a moment between 0 and 8 parts on
        child, until = forked(line, killed), there() + moments.randint(0, 8)
        while there() < until:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "finished before twenty kills"
        kept.append(there())
    assert kept == sorted(kept)
    assert 30 < kept[-1] < 128
    assert os.waitpid(forked(line, killed), 0)[1] == 0
    assert (whole / "diag.npz").read_bytes() == (killed / "diag.npz").read_bytes()
    assert len(read_npz(whole / "diag.npz")["idx"]) == 512
    assert not (killed / "diag.npz.parts").exists()
    print(f"parts of 128 kept after each kill: {kept[1:]}")
