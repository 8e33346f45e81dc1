"""Files of torch.save, against torch's own reader where it reads them, and what it would not survive."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mutations import rezipped

from rrdyn.artifacts.errors import InputError
from rrdyn.models.archives import StoredTensor
from rrdyn.models.weights import read_weights

KINDS = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
         torch.uint8, torch.bool, torch.complex64]  # fmt: skip


def tensors() -> dict[str, torch.Tensor]:
    base = torch.randn(4, 6)
    found = {str(kind): (torch.randn(3, 2) * 3).to(kind) for kind in KINDS}
    found |= {"slice": base[1:3, ::2], "turned": base.T, "scalar": torch.tensor(2.5), "empty": torch.empty(0, 3)}
    return found | {"parameter": torch.nn.Parameter(torch.ones(2)), "expanded": torch.ones(1).expand(5)}


def read(path: Path) -> dict[str, torch.Tensor]:
    contents = read_weights(path)
    return contents.read(contents.candidates[0].tensors)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_tensors_are_those_that_torch_reads(zipped, protocol, tmp_path):
    path = tmp_path / "x.pt"
    torch.save(tensors(), path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    expected, found = torch.load(path, weights_only=False), read(path)  # torch knows no protocol 4 but this way
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor.detach()), name


@pytest.mark.parametrize("order", [b"big", b"little"])
def test_numbers_of_a_machine_with_the_other_order_of_bytes(order, tmp_path):
    """torch's reader dies of such a file; the values are what was written."""
    torch.save({"a": torch.randn(7), "b": torch.arange(5)}, tmp_path / "x.pt")
    expected = torch.load(tmp_path / "x.pt", weights_only=True)

    def change(name: str, member: bytes) -> bytes:
        if name.endswith("byteorder"):
            return order
        width = 4 if name.endswith("data/0") else 8
        if "/data/" not in name or order == b"little":
            return member
        return np.frombuffer(member, f"<u{width}").byteswap().tobytes()

    (tmp_path / "y.pt").write_bytes(rezipped((tmp_path / "x.pt").read_bytes(), change))
    found = read(tmp_path / "y.pt")
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("order", [b"", b"Big", b"middle", b"x" * 5000])
def test_an_unknown_order_of_bytes_is_told(order, tmp_path):
    torch.save({"a": torch.randn(7)}, tmp_path / "x.pt")
    content = rezipped(
        (tmp_path / "x.pt").read_bytes(), lambda name, member: order if name.endswith("byteorder") else member
    )
    (tmp_path / "y.pt").write_bytes(content)
    with pytest.raises(InputError, match="is damaged") as caught:
        read_weights(tmp_path / "y.pt")
    assert "byteorder" in caught.value.found


def test_a_large_state_beside_the_weights_is_not_read(tmp_path, monkeypatch):
    """An optimiser's moments are described; only what is asked for is taken into memory."""
    path = tmp_path / "x.pt"
    torch.save({"model": {"w": torch.ones(3)}, "optimizer": {"state": {0: {"exp_avg": torch.zeros(1000)}}}}, path)
    contents = read_weights(path)
    taken = []
    original = zipfile.ZipFile.read
    monkeypatch.setattr(
        zipfile.ZipFile, "read", lambda self, member: taken.append(member.filename) or original(self, member)
    )
    model = next(candidate for candidate in contents.candidates if candidate.key == "model")
    assert contents.read(model.tensors)["w"].tolist() == [1, 1, 1]
    assert [name.rpartition("/")[2] for name in taken] == ["0"]
    assert all(isinstance(tensor, StoredTensor) for tensor in contents.tensors.values())


class Foreign:
    """Of a test's module: for the reader a name."""


def test_what_stands_beside_the_tensors_is_readable(tmp_path):
    foreign = Foreign()
    foreign.hidden_size, foreign.kind = 32, torch.bfloat16
    value = {
        "model": {"w": torch.ones(1)}, "step": np.int64(7), "best": np.float32(0.5), "config": foreign,
        "loss": torch.ones(()),
        "rng": torch.get_rng_state(), "numpy_rng": np.random.RandomState(0).get_state(), "sizes": torch.Size([2, 3]),
    }  # fmt: skip
    torch.save(value, tmp_path / "x.pt")
    contents = read_weights(tmp_path / "x.pt")
    about = contents.about
    assert (about["step"], about["best"], about["sizes"]) == (7, 0.5, [2, 3])
    assert about["config"] == {"hidden_size": 32, "kind": "torch.bfloat16"}
    assert any(name.endswith(".Foreign") for name in contents.foreign)
    assert {candidate.key for candidate in contents.candidates} == {"", "model"}


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("zipped", [True, False])
def test_files_cut_short(cut, zipped, tmp_path):
    stream = io.BytesIO()
    torch.save({"a": torch.randn(4000)}, stream, _use_new_zipfile_serialization=zipped)
    (tmp_path / "x.pt").write_bytes(stream.getvalue()[: int(cut * stream.tell())])
    with pytest.raises(InputError):
        read(tmp_path / "x.pt")


def test_a_compiled_program_is_named(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "x.pt"))
    with pytest.raises(InputError, match="compiled program"):
        read_weights(tmp_path / "x.pt")
