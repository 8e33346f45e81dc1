"""A tiny study, made once: the folder in which the pages' examples are typed."""

from __future__ import annotations

import pytest

from rrdyn.cli.app import main


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory):
    """A folder in which `rrdyn demo --tiny --out runs/tiny` has been typed."""
    place = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert main(["demo", "--tiny", "--out", "runs/tiny", "--quiet"]) == 0
    return place
