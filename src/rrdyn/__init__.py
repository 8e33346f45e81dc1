"""rrdyn: why small recursive reasoners (HRM, TRM) fail, measured as a dynamical system."""

from __future__ import annotations

from importlib import import_module

from rrdyn.version import __version__

TYPE_CHECKING = False  # `typing` alone would be a good part of what --help loads
if TYPE_CHECKING:
    from rrdyn.api import analyze_2x2, diagnose, fate, load, measure, open_subject, plot, scale

__all__ = ["__version__", "analyze_2x2", "diagnose", "fate", "load", "measure", "open_subject", "plot", "scale"]


def __getattr__(name: str) -> object:
    """The functions of `rrdyn.api`, and the rooms, at first use: `import rrdyn` alone loads no torch."""
    if name in __all__:
        return getattr(import_module("rrdyn.api"), name)
    try:
        return import_module(f"rrdyn.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"rrdyn.{name}":
            raise
        raise AttributeError(f"module 'rrdyn' has no attribute {name!r}") from None
