"""npz artifacts: what is accepted, what is refused and in which words."""

from __future__ import annotations

import numpy as np
import pytest

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import read_npz, write_npz
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.schemas import DIAG, ROLLOUT


def diag(n=5, s=4, k=3):
    rng = np.random.default_rng(0)
    return {
        "drift_zH": rng.random((n, s)), "drift_zL": rng.random((n, s)), "q_halt": rng.random((n, s)),
        "q_continue": rng.random((n, s)), "lyap_spec": rng.random((n, k)), "exact_correct": rng.random(n) > 0.5,
        "token_acc": rng.random(n), "halted_at": np.full(n, s), "idx": np.arange(n),
    }  # fmt: skip


def test_round_trip_and_equal_bytes(tmp_path):
    first = write_npz(tmp_path / "a.npz", DIAG, diag(), provenance(seed=3))
    again = write_npz(tmp_path / "b.npz", DIAG, diag(), provenance(seed=3))
    assert first.read_bytes() == again.read_bytes()
    read = read_npz(first)
    assert read.schema is DIAG
    assert read.meta["seed"] == 3
    assert set(read) == set(diag())
    np.testing.assert_array_equal(read["drift_zH"], diag()["drift_zH"])


def test_a_foreign_file_without_meta_is_read_by_the_asked_schema(tmp_path):
    np.savez(tmp_path / "a.npz", **(diag() | {"exact_correct": np.ones(5, np.float32)}))
    assert read_npz(tmp_path / "a.npz", DIAG).meta == {}


def test_a_file_that_is_not_whole_yet_says_how_to_go_on(tmp_path):
    (tmp_path / "diag.npz.parts").mkdir()
    with pytest.raises(InputError, match="does not exist") as caught:
        read_npz(tmp_path / "diag.npz")
    assert "once more: it goes on from" in str(caught.value)
    with pytest.raises(InputError) as caught:
        read_npz(tmp_path / "other.npz")
    assert "goes on" not in str(caught.value)


@pytest.mark.parametrize("cut", [0, 10, 100, 1000, -1])
def test_a_truncated_file_is_named(tmp_path, cut):
    path = write_npz(tmp_path / "a.npz", DIAG, diag(), {})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"a\.npz is (not a readable npz file|damaged)"):
        read_npz(path)


def test_every_flipped_byte_is_refused_or_harmless(tmp_path):
    path = write_npz(tmp_path / "a.npz", DIAG, diag(), {})
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for position in rng.choice(len(whole), 200, replace=False):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            read_npz(path, DIAG)
        except InputError:
            continue


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", **(diag() | {"idx": np.array([{"a": 1}] * 5, dtype=object)}))
    with pytest.raises(InputError, match="pickled objects"):
        read_npz(tmp_path / "a.npz", DIAG)


def test_missing_keys_wrong_shapes_and_kinds_are_named(tmp_path):
    arrays = diag()
    with pytest.raises(InputError, match="lacks lyap_spec"):
        DIAG.check({k: v for k, v in arrays.items() if k != "lyap_spec"}, "x")
    with pytest.raises(InputError, match="N = 3 in token_acc"):
        DIAG.check(arrays | {"token_acc": np.ones(3)}, "x")
    with pytest.raises(InputError, match="wrong shape"):
        DIAG.check(arrays | {"lyap_spec": np.ones(5)}, "x")
    with pytest.raises(InputError, match="wrong type"):
        DIAG.check(arrays | {"idx": np.array(["a"] * 5)}, "x")


def test_another_kind_of_file_is_refused(tmp_path):
    path = write_npz(tmp_path / "a.npz", ROLLOUT, {"exact": np.ones((2, 3), bool), "drift": np.ones((2, 3))}, {})
    with pytest.raises(InputError, match="another kind"):
        read_npz(path, DIAG)


def test_a_newer_version_is_refused(tmp_path):
    path = write_npz(tmp_path / "a.npz", DIAG, diag(), {"schema_version": DIAG.version + 1})
    with pytest.raises(InputError, match="newer rrdyn"):
        read_npz(path)


def test_provenance_digests_inputs_and_configs(tmp_path):
    (tmp_path / "in.txt").write_text("a")
    one, two = (provenance(config={"a": x}, inputs=[tmp_path / "in.txt"]) for x in (1, 2))
    assert one["config_hash"] != two["config_hash"]
    assert one["inputs"] == two["inputs"]
    assert len(next(iter(one["inputs"].values()))) == 64


def test_the_other_order_of_bytes_is_turned(tmp_path):
    """torch and numba take this machine's only."""
    np.savez(
        tmp_path / "a.npz", **{name: column.astype(column.dtype.newbyteorder(">")) for name, column in diag().items()}
    )
    read = read_npz(tmp_path / "a.npz", DIAG)
    assert all(column.dtype.isnative for column in read.arrays.values())
    np.testing.assert_array_equal(read["drift_zH"], diag()["drift_zH"])
