"""The tutorial's commands run in order, at a tiny size, and leave the files that its text names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.warm_rrdyn import warm_rrdyn

pytestmark = pytest.mark.long
PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
TINY = """
preset=demo-tiny size=4 clues=6
train=64 test=32
steps=20 every=10
puzzles=16 budget=8 segments=16
restarts=2 finetune=4 seeds="0, 1"
"""
NAMED = re.compile(r"`([\w*./-]+(?:/|\.(?:npz|json|jsonl|csv|md|png|html|log|pt|yaml)))`")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def blocks() -> list[str]:
    """The page's shell blocks in order; the first holds the sizes and nothing else."""
    return [text for language, text in FENCED.findall(page()) if language == "sh"]


def variables(block: str) -> set[str]:
    return set(re.findall(r"(\w+)=", re.sub(r"#.*", "", block)))


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("tutorial")
    script = [TINY, *(f"echo '== block {number}' >&2\n{block}" for number, block in enumerate(blocks()[1:], start=2))]
    command = ["bash", "-euo", "pipefail", "-c", "\n".join(script)]
    with warm_rrdyn(tmp_path_factory.mktemp("bin")) as place:
        path = os.pathsep.join([str(place), str(Path(sys.executable).parent), os.environ["PATH"]])
        env = {**os.environ, "PATH": path, "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
        return folder, subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=1800)


def test_the_first_block_sets_the_sizes_and_the_test_replaces_all_of_them():
    assert variables(blocks()[0]) == variables(TINY)
    assert all("=" in line.split("#")[0] for line in blocks()[0].splitlines())


def test_every_block_runs(ran):
    _, done = ran
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"== block {len(blocks())}" in done.stderr


def test_every_file_that_the_text_names_is_there(ran):
    folder, _ = ran
    named = NAMED.findall(FENCED.sub("", page()))
    assert len(named) > 15
    assert [name for name in named if not list(folder.glob(name))] == []
