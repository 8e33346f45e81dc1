from __future__ import annotations

import sys

import numba

from rrdyn.data.compiled import compiled


def doubled(number: int) -> int:
    return 2 * number


def test_a_compiled_function_keeps_its_plain_form():
    fast = compiled(doubled)
    assert fast(21) == fast.py_func(21) == 42


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(monkeypatch):
    """What numba raises on an install without a writable folder."""
    plain = numba.njit

    def njit(**options: bool) -> object:
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available for file")
        return plain(**options)

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(doubled)(4) == 8


def test_the_data_room_is_light_to_import():
    """numba is loaded by what compiles, not by what reads."""
    import subprocess

    code = "import sys, rrdyn.data.folder, rrdyn.data.sampler, rrdyn.data.defaults; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numba", "torch", "scipy", "matplotlib", "huggingface_hub"} & set(loaded)
