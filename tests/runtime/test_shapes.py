"""Annotations of shapes cost nothing where nobody checks them."""

from __future__ import annotations

import subprocess
import sys

WITHOUT = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("jaxtyping", "beartype"):
            raise ImportError(f"{name} was asked for")

sys.meta_path.insert(0, Refuse())
from rrdyn.models import build
import typing
from rrdyn.models.model import Model
print(build({"name": "trm", "seq_len": 4, "vocab_size": 3, "hidden_size": 8, "num_heads": 2}).budget)
print(typing.get_type_hints(Model.halts)["return"].__name__)
"""


def test_the_package_neither_needs_nor_loads_the_libraries_that_check():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert done.stdout.split() == ["16", "Tensor"], done.stderr
