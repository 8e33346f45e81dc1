"""Figures drawn from artifacts on disk, one file a family, and the registry that knows them by name. No torch.

`plot` draws one, `register` adds one of your own; see `rrdyn.plotting.registry`.
"""

from tyro.conf import Positional

from rrdyn.plotting.options import FigureOptions
from rrdyn.plotting.registry import FIGURES, draw, find, from_outside, plot, register

__all__ = ["FIGURES", "FigureOptions", "Positional", "draw", "find", "from_outside", "plot", "register"]
