"""Writing: a final name holds the old file or the whole new one, whatever happens in between."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrdyn.artifacts.errors import InputError, RrdynError
from rrdyn.artifacts.files import (
    make_folder,
    output_folder,
    plain,
    read_json,
    replacing,
    sha256,
    write_json,
    write_text,
)


def test_replacing_keeps_the_old_file_when_the_writer_fails(tmp_path):
    target = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(ValueError), replacing(target) as partial:  # noqa: PT012
        partial.write_text("half of the ne")
        raise ValueError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_writer_killed_in_the_middle_leaves_the_old_file(tmp_path):
    target = write_text(tmp_path / "a.txt", "old")
    code = (
        "import os, sys\nfrom rrdyn.artifacts.files import replacing\n"
        "with replacing(sys.argv[1]) as p:\n    p.write_text('half')\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)])
    assert done.returncode == -9
    assert target.read_text() == "old"


def test_a_full_disk_is_one_message(tmp_path):
    if not os.path.exists("/dev/full"):
        return
    with pytest.raises(RrdynError) as caught, replacing(tmp_path / "a.bin"), open("/dev/full", "wb", 0) as full:
        full.write(b"x")
    assert "No space left" in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_file_in_the_way_of_a_folder_is_one_message(tmp_path):
    write_text(tmp_path / "a", "file")
    with pytest.raises(RrdynError, match="cannot write"):
        make_folder(tmp_path / "a" / "b")
    for place in ("a", "a/b"):
        with pytest.raises(RrdynError, match="cannot write into"):
            output_folder(tmp_path / place)
    assert output_folder(tmp_path / "new" / "one") == tmp_path / "new" / "one"
    assert not (tmp_path / "new").exists()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("leads_to", ["itself", "nothing"])
def test_a_link_that_leads_to_no_file_is_not_written_through(leads_to, tmp_path):
    (tmp_path / "itself").symlink_to(tmp_path / leads_to)
    with pytest.raises(RrdynError, match="not a file that may be replaced"):
        write_text(tmp_path / "itself", "a")
    assert [path.name for path in tmp_path.iterdir()] == ["itself"]


@given(json_values)
def test_json_is_strict_and_loses_nothing_finite(value):
    text = json.dumps(plain(value), allow_nan=False)
    assert json.loads(text) == plain(value)


def test_json_unpacks_numpy_and_nulls_what_is_not_finite(tmp_path):
    path = write_json(
        tmp_path / "a.json", {"x": np.float32(0.5), "y": np.array([1.0, math.nan, math.inf]), "n": np.int64(3)}
    )
    assert read_json(path) == {"x": 0.5, "y": [1.0, None, None], "n": 3}


def test_unreadable_json_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="not readable JSON"):
        read_json(write_text(tmp_path / "a.json", "{"))


def test_a_folder_digest_changes_with_names_and_contents(tmp_path):
    write_text(tmp_path / "d" / "a", "1")
    first = sha256(tmp_path / "d")
    write_text(tmp_path / "d" / "b", "1")
    assert sha256(tmp_path / "d") != first
