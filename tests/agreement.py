"""How published numbers are compared: by a stated tolerance. Equal bits are counted and told, never asked for.

The last digits belong to one processor and one build of the libraries: another kernel adds in another order.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

BITS = "published bits"  # the property under which a test notes whether it met them
FRACTION = re.compile(r"(?<![\w.])-?(?:\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)(?![\w.])")
Note = Callable[[str, object], None]


def assert_close(ours: torch.Tensor, published: torch.Tensor, atol: float, name: str, note: Note) -> None:
    """`atol` alone: next to zero a number may miss by as much as its neighbours. `note` is pytest's record_property."""
    torch.testing.assert_close(ours, published, rtol=0, atol=atol, msg=lambda text: f"{name}: {text}")
    note(BITS, torch.equal(ours, published))


def assert_same_text(found: str, wanted: str, note: Note, rtol: float = 1e-12, atol: float = 1e-15) -> None:
    """A table or a record: the layout, names and whole numbers exactly, every number with a fraction by value."""
    assert FRACTION.sub("#", found) == FRACTION.sub("#", wanted)
    numbers = [np.array(FRACTION.findall(text), float) for text in (found, wanted)]
    np.testing.assert_allclose(*numbers, rtol=rtol, atol=atol)
    note(BITS, found == wanted)


def assert_same_flags(found: np.ndarray, wanted: np.ndarray, turned: float) -> None:
    """Right or wrong, copy by copy: an answer between two tokens turns by rounding, so a share `turned` of them may."""
    assert found.shape == wanted.shape
    assert (np.asarray(found, bool) != np.asarray(wanted, bool)).mean() <= turned


def summary(reports: list[pytest.TestReport]) -> str | None:
    """One line for the end of a run: how many comparisons gave the published bits on this machine."""
    met = [bool(value) for report in reports for name, value in report.user_properties if name == BITS]
    return f"published numbers met within tolerance: {len(met)}, of these to the bit: {sum(met)}" if met else None
