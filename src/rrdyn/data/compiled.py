"""Compiling inner loops with numba, kept on disk where the disk can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compiled(function: Callable[..., Any]) -> Any:
    """`function` compiled at its first call, without the interpreter lock; the plain one is its `.py_func`.

    The machine code is kept beside the source (or in numba's own cache folder) for the next run. On an install
    where neither can be written it is compiled anew each run.
    """
    import numba

    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder to keep it in
        return numba.njit(nogil=True)(function)
