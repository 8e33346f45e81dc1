"""A result of other settings under the same name is set aside, not lost."""

from __future__ import annotations

import pytest

from rrdyn.artifacts.errors import Notice
from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schema import Array, Schema
from rrdyn.measurement import parts as part_files

SCHEMA = Schema(name="x", version=1, doc="x", arrays={"x": Array(dims="N", kind="float", doc="x")})


def measured(out, setting):
    import numpy as np

    parts = part_files.plan(out, {"setting": setting}, 3, lambda: 3)
    part_files.publish(parts, SCHEMA, {"x": np.full(3, float(setting))}, {"key": parts.key})


def test_a_result_of_other_settings_is_set_aside(tmp_path, recwarn):
    out = tmp_path / "diag.npz"
    measured(out, 1)
    measured(out, 1)
    assert not recwarn.list
    with pytest.warns(Notice, match=r"diag\.1\.npz"):
        measured(out, 2)
    with pytest.warns(Notice, match=r"diag\.2\.npz"):
        measured(out, 3)
    kept = {path.name: read_npz(path)["x"][0] for path in tmp_path.glob("*.npz")}
    assert kept == {"diag.npz": 3, "diag.1.npz": 1, "diag.2.npz": 2}
