from __future__ import annotations

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from rrdyn.artifacts import arrays, provenance
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
    assert parts.gather(work) is None
    again = plan(tmp_path, block=7)  # the block chosen first is kept
    assert again.block == 3
    parts.work(again, failing, shard=Shard(), label="x", parallel=False)
    assert seen == [range(3), range(3, 6), range(6, 9), range(6, 9), range(9, 10)]
    np.testing.assert_array_equal(parts.gather(again)["x"], np.arange(10) ** 2)
    parts.discard(again)
    assert list(tmp_path.iterdir()) == []


def test_other_settings_do_not_mix(tmp_path):
    one, two = plan(tmp_path, a=1), plan(tmp_path, a=2)
    parts.work(one, squares, shard=Shard(), label="x", parallel=False)
    assert parts.gather(two) is None


def test_a_damaged_part_is_made_again(tmp_path):
    work = plan(tmp_path)
    parts.work(work, squares, shard=Shard(), label="x", parallel=False)
    work.path(1).write_bytes(work.path(1).read_bytes()[:40])
    parts.work(work, squares, shard=Shard(), label="x", parallel=False)
    np.testing.assert_array_equal(parts.gather(work)["x"], np.arange(10) ** 2)


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
        joined = parts.gather(work)
        assert (joined is None) == (rank != 1)
    np.testing.assert_array_equal(joined["x"], np.arange(10) ** 2)


def test_a_process_that_is_done_takes_what_another_has_not_begun(tmp_path):
    """Each had its half, however long it took: one of two cards stood still while the other was at work."""
    work, made, begun = plan(tmp_path, total=12, block=1), {0: [], 1: []}, threading.Event()

    def as_one(rank):
        def compute(positions):
            made[rank].append(positions.start)
            if rank == 0:  # stuck in its first part, until the other has done all the rest
                begun.set()
                while len(work.present()) < 11:
                    time.sleep(0.005)
            return squares(positions)

        if rank == 1:
            begun.wait()
        shard = Shard(rank=rank, world=2, together=True)
        return parts.complete(work, compute, shard=shard, label="x", parallel=False)

    with ThreadPoolExecutor(2) as pool:
        joined, nothing = pool.map(as_one, (0, 1))
    assert nothing is None
    assert made == {0: [0], 1: [1, 3, 5, 7, 9, 11, 10, 8, 6, 4, 2]}
    np.testing.assert_array_equal(joined["x"], np.arange(12) ** 2)
    parts.discard(work)
    assert list(tmp_path.iterdir()) == []


def test_what_a_lost_process_had_in_hand_is_done_by_the_first(tmp_path):
    """It waited a day for it."""
    work = plan(tmp_path)
    (work.folder / ".part_000001.lock").touch()  # as one that was killed leaves it
    joined = parts.complete(work, squares, shard=Shard(rank=0, world=2, together=True), label="x", parallel=False)
    np.testing.assert_array_equal(joined["x"], np.arange(10) ** 2)


def test_one_who_comes_late_finds_nothing_to_do(tmp_path):
    work = plan(tmp_path)
    parts.discard(work)
    parts.work(work, lambda _: pytest.fail("worked"), shard=Shard(rank=1, world=2, together=True), label="x",
               parallel=False)  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_finished_result_is_told_without_reading_its_arrays(tmp_path, monkeypatch):
    """States of gigabytes were read to learn that they are there."""
    work, member = plan(tmp_path), arrays._read_member
    parts.publish(work, parts.PART, {"x": np.arange(3)}, {"key": work.key})

    def reading(archive, given, path):
        assert given.filename == "meta.npy"
        return member(archive, given, path)

    monkeypatch.setattr(arrays, "_read_member", reading)
    assert parts.is_finished(work.out, work.key)
    assert not parts.is_finished(work.out, "another")
    assert parts.finished(work.out, "another") is None
    assert parts.set_aside(work.out, work.key) is None


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


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 20])
def test_a_piece_has_whole_groups_where_there_are_enough(pieces):
    own = [Shard(piece=(number, pieces)).own(np.arange(20) * 3, 8) for number in range(pieces)]
    np.testing.assert_array_equal(np.concatenate(own), np.arange(20) * 3)
    assert all(len(idx) for idx in own)
    if pieces <= 3:
        assert all(len(idx) % 8 == 0 for idx in own[:-1])
