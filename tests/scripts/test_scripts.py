"""Every script finds what it takes from the package: none is left behind when a name moves."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.outside_modules import module

SCRIPTS = sorted((Path(__file__).parents[2] / "scripts").glob("*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_it_can_be_imported(path):
    assert callable(module(path).main)
