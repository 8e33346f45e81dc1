"""Hostile and damaged files: one message each, no code run, no memory taken on a file's word."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from model_cases import FAMILIES, drawn
from mutations import Evil, mutated, originals, refused_or_sound, rezipped

from rrdyn.artifacts.errors import InputError
from rrdyn.models import load
from rrdyn.models.weights import read_weights


def test_a_pickle_that_would_run_code_is_not_run(tmp_path):
    target = tmp_path / "ran"
    values = [
        Evil(target),
        {"inner.x": Evil(target)},
        {"weights": [Evil(target)]},
        {"x": torch.ones(2), "y": Evil(target)},
    ]
    for number, value in enumerate(values):
        for protocol in (2, 4):
            for zipped in (True, False):
                path = tmp_path / f"evil{number}_{protocol}.pt"
                torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
                with pytest.raises(InputError, match="would run code") as caught:
                    load(path)
                assert caught.value.found == "posix.system"
    legacy = tmp_path / "bare.pt"
    legacy.write_bytes(pickle.dumps(Evil(target)))
    with pytest.raises(InputError, match="not a checkpoint"):
        load(legacy)
    assert not target.exists()


def test_compressed_members_are_refused(tmp_path):
    """A zip bomb of a few kilobytes would unpack to gigabytes."""
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("archive/data/0", b"\0" * 50_000_000)
    with pytest.raises(InputError, match="not a torch file"):
        read_weights(path)


def test_a_tensor_that_claims_more_than_the_file_has_is_refused(tmp_path):
    torch.save({"inner.x": torch.ones(3)}, tmp_path / "small.pt")
    path = tmp_path / "huge.pt"
    # a length of 3 becomes 2^40: as pickled, K\x03 becomes a long of 6 bytes
    huge = b"\x8a\x06" + (1 << 40).to_bytes(6, "little")
    path.write_bytes(
        rezipped(
            (tmp_path / "small.pt").read_bytes(),
            lambda n, c: c.replace(b"K\x03", huge) if n.endswith("data.pkl") else c,
        )
    )
    with pytest.raises(InputError, match="damaged"):
        read_weights(path)


def test_an_expanded_tensor_may_not_multiply_memory(tmp_path):
    path = tmp_path / "wide.pt"
    torch.save({"inner.x": torch.ones(1).expand(1 << 40)}, path)
    with pytest.raises(InputError, match="more bytes than the file has"):
        read_weights(path)


@pytest.mark.parametrize("value", [[torch.ones(2)], {"a": 1}, {}, torch.ones(2), 3])
def test_files_without_named_tensors(value, tmp_path):
    torch.save(value, tmp_path / "x.pt")
    with pytest.raises(InputError):
        read_weights(tmp_path / "x.pt")


def test_special_files_and_pages_are_named_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "page.pt").write_text("  <!DOCTYPE html><html>Sign in</html>")
    (tmp_path / "pointer.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 27310592\n")
    for name, message in (
        ("pipe.pt", "a named pipe"),
        ("page.pt", "not a checkpoint"),
        ("pointer.pt", "Git-LFS pointer"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            load(tmp_path / name)
    assert "git lfs pull" in str(caught.value)


def opened_by_a_process_of_its_own(folder: Path, seed: int, count: int) -> dict[str, int]:
    program = Path(__file__).with_name("mutations.py")
    done = subprocess.run(
        [sys.executable, str(program), str(folder), str(seed), str(count)], capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


def test_broken_files_of_every_layout(tmp_path):
    """No crash, no code run, one message each. What passes is a file whose change no reader could see."""
    accepted = opened_by_a_process_of_its_own(tmp_path, 20, 150)
    assert accepted["model.safetensors"] == 0  # pinned by its sha256
    assert sum(accepted.values()) <= 40


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_two_thousand_broken_files(seed, tmp_path):
    accepted = opened_by_a_process_of_its_own(tmp_path, seed, 500)
    print(accepted)
    assert accepted["model.safetensors"] == 0
    assert sum(accepted.values()) <= 130


def test_mutated_records_beside_the_weights(tmp_path):
    rng = random.Random(3)
    files = [file for file in originals(tmp_path) if file.beside]
    for number in range(100):
        file = rng.choice(files)
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / file.name).write_bytes(file.content)
        for other, text in file.beside.items():
            (folder / other).write_bytes(mutated(rng, text.encode(), b"{}: [1, 2"))
        refused_or_sound(folder / file.name)


def test_a_whole_file_that_names_a_class_is_read_for_its_tensors(tmp_path):
    """A module pickled whole, as `torch.save(model)` writes it."""
    model = drawn(FAMILIES["trm_mlp"])
    torch.save(model, tmp_path / "whole.pt")
    (tmp_path / "whole.json").write_text(json.dumps(model.config.model_dump()))
    again = load(tmp_path / "whole.pt")
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values()))
