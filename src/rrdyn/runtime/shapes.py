"""Shapes in annotations: `Float[Tensor, "B S D"]`, checked under pytest by jaxtyping and beartype, text elsewhere.

Letters: B batch, S positions, L puzzle length, D hidden, n size of a state, m eigenvalues, V token values, K tangents
or copies, T segments, P periods.
Annotations are never evaluated where nobody checks them (`from __future__ import annotations`), so that neither of
the two libraries is needed, or loaded, to run.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Bool, Complex, Float, Integer, Shaped
else:

    class Float:
        """An array of floating-point numbers; the shape beside it is not looked at."""

        def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
            return item[0]

    class Bool(Float):
        """An array of flags."""

    class Complex(Float):
        """An array of complex numbers."""

    class Integer(Float):
        """An array of whole numbers."""

    class Shaped(Float):
        """An array of any type."""


__all__ = ["Bool", "Complex", "Float", "Integer", "Shaped"]
