"""The API reference as HTML, made from the docstrings; its front page is docs/api.md.

    python docs/reference.py            # writes build/docs; begin with build/docs/rrdyn.html
    python docs/reference.py FOLDER

The commands' own modules are left out: docs/commands/ has a page for each of them.
"""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import sys
import types
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pdoc
import pdoc.extract

import rrdyn
import rrdyn.training

ROOT = Path(__file__).resolve().parents[1]
FRONT = ROOT / "docs" / "api.md"
LEFT_OUT = r"rrdyn\.(__main__|cli\.(?!app$|command$)\w+)$"


def front() -> str:
    """docs/api.md without its links to pages that are not part of the reference."""
    return re.sub(r"\[([^\]]+)\]\((?!#)[^)]+\)", r"\1", FRONT.read_text())


def modules() -> list[str]:
    """What is documented. The walk passes over modules that a package's __all__ does not name: they follow it."""
    walked = pdoc.extract.walk_specs(["rrdyn", f"!{LEFT_OUT}"])
    found = sorted(module.name for module in pkgutil.walk_packages(rrdyn.__path__, "rrdyn."))
    return [*walked, *(name for name in found if name not in walked and not re.match(LEFT_OUT, name))]


def settle_named_tuples() -> None:
    """Their constructors keep types as names without the module to find them in: find them here, or leave them out."""
    for name in modules():
        for kind in vars(pdoc.extract.load_module(name)).values():
            if isinstance(kind, type) and issubclass(kind, tuple) and kind.__module__ == name:
                try:
                    kind.__new__.__annotations__ = typing.get_type_hints(kind)
                except NameError:  # imported for type checkers only
                    kind.__new__.__annotations__ = {}


@contextmanager
def stand_in(name: str, kind: str) -> Iterator[None]:
    """For a library that is not installed and only names a type: an empty module with that type, for a while."""
    if importlib.util.find_spec(name) is not None:
        yield
        return
    module = types.ModuleType(name)
    setattr(module, kind, type(kind, (), {"__module__": name}))
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]


def build(out: Path) -> Path:
    """Write the reference into a folder; returns its first page."""
    with stand_in("xarray", "Dataset"):
        return _built(out)


def _built(out: Path) -> Path:
    for package in (rrdyn, rrdyn.training):  # made at first use: made now, to be found
        for name in package.__all__:
            setattr(package, name, getattr(package, name))
    settle_named_tuples()
    pdoc.render.configure(docformat="markdown", show_source=False, footer_text=f"rrdyn {rrdyn.__version__}")
    said, rrdyn.__doc__ = rrdyn.__doc__, front()
    try:
        brought, further = {*pdoc.extract.walk_specs(["rrdyn", f"!{LEFT_OUT}"])}, []
        for name in modules():
            if name not in brought:  # a package may bring what is in it
                further.append(name)
                brought.update(pdoc.extract.walk_specs([name, f"!{LEFT_OUT}"]))
        pdoc.pdoc("rrdyn", *further, f"!{LEFT_OUT}", output_directory=out)
    finally:
        rrdyn.__doc__ = said
    return out / "rrdyn.html"


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "docs"))
