from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.puzzle_folders import arc_folder

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.folder import open_split, write_split
from rrdyn.data.sampler import Sampler, in_order
from rrdyn.data.sudoku.kind import Sudoku

GOLDEN = Path(__file__).parents[1] / "golden" / "data"
FIELDS = ("inputs", "labels", "puzzle_identifiers")


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """40 groups of 3 puzzles of 6x6; the first cell of each puzzle tells its number."""
    folder = tmp_path_factory.mktemp("sampled")
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 8, (120, 36)).astype(np.uint8)
    write_split(folder, "train", Sudoku(6), tokens, tokens, examples=120, group_size=3)
    return open_split(folder, "train")


def test_batches_equal_upstreams():
    golden = np.load(GOLDEN / "loader_trm.npz")
    sampler = Sampler(open_split(GOLDEN / "converted" / "sudoku_v1", "train"), 3, seed=0, epochs_per_round=5)
    for iteration in range(2):
        for number in range(6):
            batch = sampler.next()
            for name in FIELDS:
                expected = golden[f"train_it{iteration}_b{number}_{name}"]
                np.testing.assert_array_equal(batch[name], expected)
                assert batch[name].dtype == expected.dtype
    assert sampler.round == 2


def test_evaluation_batches_equal_upstreams():
    golden = np.load(GOLDEN / "loader_trm.npz")
    batches = list(in_order(open_split(GOLDEN / "converted" / "sudoku_v1", "test"), 2))
    assert len(batches) == 2
    for number, batch in enumerate(batches):
        for name in FIELDS:
            np.testing.assert_array_equal(batch[name], golden[f"test_b{number}_{name}"])
        assert (batch["index"] >= 0).sum() == golden[f"test_b{number}_n"]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    world=st.sampled_from([1, 2, 4]),
    steps=st.integers(0, 12),
    augment=st.booleans(),
)
def test_a_resumed_run_sees_the_batches_it_would_have_seen(split, seed, world, steps, augment):
    def new(rank: int) -> Sampler:
        return Sampler(split, 16, seed, rank=rank, world=world, augment=augment, epochs_per_round=2)

    straight = new(world - 1)
    for _ in range(steps):
        straight.next()
    state = json.loads(json.dumps(straight.state_dict()))
    resumed = new(world - 1)
    resumed.load_state_dict(state)
    for _ in range(7):
        equal(straight.next(), resumed.next())


@pytest.mark.parametrize("augment", [False, True])
def test_ranks_share_the_batch_of_one_process(split, augment):
    whole = Sampler(split, 16, 3, augment=augment)
    parts = [Sampler(split, 16, 3, rank=rank, world=4, augment=augment) for rank in range(4)]
    for _ in range(10):
        shares = [part.next() for part in parts]
        equal(whole.next(), {name: np.concatenate([share[name] for share in shares]) for name in shares[0]})


def test_a_position_of_the_round_is_shuffled_alike_in_any_batch_size(split):
    """Positions are counted over whole batches, so that the same puzzles meet the same shuffles."""
    small, large = (Sampler(split, size, 3, augment=True, epochs_per_round=4) for size in (8, 32))
    np.testing.assert_array_equal(small._uniforms(0, 32)[8:16], large._uniforms(8, 8))


def test_each_group_comes_once_in_an_epoch(split):
    sampler = Sampler(split, 8, 0, epochs_per_round=1)
    groups = np.concatenate([sampler.next()["index"] // 3 for _ in range(5)])
    assert sorted(groups.tolist()) == list(range(40))


def test_shuffled_examples_are_images_of_their_originals(split):
    plain, shuffled = Sampler(split, 16, 5), Sampler(split, 16, 5, augment=True)
    for _ in range(5):
        one, other = plain.next(), shuffled.next()
        np.testing.assert_array_equal(one["index"], other["index"])
        assert (one["inputs"] != other["inputs"]).any()
        assert ((one["inputs"] == 1).sum(axis=1) == (other["inputs"] == 1).sum(axis=1)).all()


def test_padding_labels_are_ignored(tmp_path):
    labels = np.ones((2, 16), dtype=np.uint8)
    labels[:, 3] = 0
    write_split(tmp_path, "train", Sudoku(4), np.ones((2, 16)), labels)
    batch = Sampler(open_split(tmp_path, "train"), 2, 0).next()
    assert (batch["labels"][:, 3] == -100).all()
    assert (np.delete(batch["labels"], 3, axis=1) == 1).all()
    assert batch["inputs"].dtype == batch["labels"].dtype == np.int32


@pytest.mark.parametrize("world", [1, 2, 4])
def test_evaluation_covers_every_example_once(split, world):
    seen = np.concatenate(
        [batch["index"] for rank in range(world) for batch in in_order(split, 32, rank=rank, world=world)]
    )
    assert len(seen) == 128
    assert sorted(seen[seen >= 0].tolist()) == list(range(120))
    last = list(in_order(split, 32, rank=world - 1, world=world))[-1]
    pads = last["index"] < 0
    assert pads.sum() == 8
    assert (last["labels"][pads] == -100).all()
    assert (last["inputs"][pads] == 0).all()


def test_puzzles_of_several_examples_fill_a_batch(tmp_path):
    """As upstream: a puzzle gives all its examples, in a random order, until the batch is full."""
    data = open_split(arc_folder(tmp_path), "train")
    sampler = Sampler(data, 4, 0, epochs_per_round=8)
    state = sampler.state_dict()
    batches = [sampler.next() for _ in range(6)]
    for batch in batches:
        assert len(batch["index"]) == 4
        np.testing.assert_array_equal(batch["puzzle_identifiers"], data.example_identifiers[batch["index"]])
    sampler.load_state_dict(state)
    for batch in batches:
        equal(batch, sampler.next())


def test_states_of_other_runs_are_refused(split, tmp_path):
    state = Sampler(split, 16, 0).state_dict()
    with pytest.raises(InputError, match="another seed"):
        Sampler(split, 16, 1).load_state_dict(state)
    with pytest.raises(InputError, match="another global batch"):
        Sampler(split, 8, 0).load_state_dict(state)
    with pytest.raises(InputError, match="another augment"):
        Sampler(split, 16, 0, augment=True).load_state_dict(state)
    with pytest.raises(InputError, match="another dataset"):
        Sampler(open_split(arc_folder(tmp_path), "train"), 16, 0).load_state_dict(state)


def test_refusals(split, tmp_path):
    with pytest.raises(UsageError, match="cannot be shared"):
        Sampler(split, 10, 0, world=4)
    with pytest.raises(UsageError, match="does not fill one batch"):
        Sampler(split, 64, 0, epochs_per_round=1)
    with pytest.raises(UsageError, match="no symmetries"):
        Sampler(open_split(arc_folder(tmp_path), "train"), 4, 0, augment=True)
    with pytest.raises(UsageError, match="cannot be shared"):
        next(in_order(split, 10, world=4))


def equal(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("round", 0),
        ("round", "3"),
        ("at", -1),
        ("batch", None),
        ("batch", 1.5),
        ("rng", {}),
        ("rng.buffer_pos", 9),
        ("rng.uinteger", 2**32),
        ("rng.state.counter", [1, 2, 3]),
        ("rng.state.key", [-1, 2]),
        ("rng.buffer", ["a", "b", "c", "d"]),
        ("augment", "yes"),
    ],
)
def test_a_saved_state_that_is_damaged_is_named(split, path, value):
    sampler = Sampler(split, 16, 0)
    state = sampler.state_dict()
    *sections, key = path.split(".")
    inner = state
    for section in sections:
        inner = inner[section]
    inner[key] = value
    with pytest.raises(InputError, match=f"the saved state of the sampler is damaged: {path}"):
        sampler.load_state_dict(state)
