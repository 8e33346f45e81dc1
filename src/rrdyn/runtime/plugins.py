"""Plug-ins: modules of others that register kinds, models, measurements, objectives or figures when imported.

Two ways in: modules named in the environment variable RRDYN_PLUGINS (comma separated, on the Python path), and
installed packages with an entry point in the group `rrdyn.plugins`.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from rrdyn.artifacts.errors import UsageError, notice

VARIABLE, ALIAS = "RRDYN_PLUGINS", "RRDYN_PUZZLES"
"""RRDYN_PUZZLES is the older name; both count."""
GROUP = "rrdyn.plugins"
HOW_TO_ADD = f"{VARIABLE}=MODULE, the module that registers it, on the Python path"

_begun: set[str] = set()


def any_named() -> bool:
    """Whether any plug-in is there; nothing is imported."""
    named = any(os.environ.get(variable, "").strip(" ,") for variable in (VARIABLE, ALIAS))
    return named or bool(entry_points(group=GROUP))


def unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that nobody has registered."""
    near = difflib.get_close_matches(name, known := sorted(known), n=1, cutoff=0.5)
    return UsageError(f"there is no {what} called {name!r}", found=name,
                      expected=f"did you mean {near[0]!r}?" if near else "one of " + ", ".join(known),
                      run=HOW_TO_ADD)  # fmt: skip


def load_plugins() -> None:
    """Import every plug-in that has not been imported yet; called again it does nothing.

    Every registry calls this before it says that a name is unknown. Raises UsageError for a module of the environment
    variable that cannot be imported, whatever it raised; an installed package that cannot be is told and passed over.
    """
    for variable in (VARIABLE, ALIAS):
        for name in filter(None, map(str.strip, os.environ.get(variable, "").split(","))):
            if name not in _begun:
                _import(name, variable)
    _load_installed()


def _import(name: str, variable: str) -> None:
    _begun.add(name)  # before its import: a plug-in may look a name up, which comes here again
    try:
        import_module(name)
    except (Exception, SystemExit) as error:  # whatever the code of others raises
        _begun.discard(name)
        raise UsageError(
            f"{variable} names a plug-in that cannot be imported",
            found=f"{name}: {_said(error)}",
            expected="modules on the Python path, separated by commas",
            run=f"PYTHONPATH=. {variable}=MODULE",
        ) from None


@cache
def _load_installed() -> None:
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except (Exception, SystemExit) as error:
            notice(f"the installed plug-in {point.name} ({point.value}) cannot be imported: {_said(error)}")


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
