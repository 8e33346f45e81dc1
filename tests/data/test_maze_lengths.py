"""Lengths that no maze can have are refused before anything is tried."""

from __future__ import annotations

import pytest

from rrdyn.artifacts.errors import UsageError
from rrdyn.data.build import build
from rrdyn.data.recipe import MazeRecipe


def test_an_impossible_length_is_refused_at_once(tmp_path):
    with pytest.raises(UsageError, match="no 5x5 maze"):
        build(MazeRecipe(source="generate", size=5, min_length=500, n=3, test_n=1), tmp_path / "m")
