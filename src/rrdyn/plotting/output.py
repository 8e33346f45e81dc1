"""Where one figure's pictures go, and what was drawn."""

from __future__ import annotations

import base64
import html
import io
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter
from matplotlib.figure import Figure

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.artifacts.files import replacing, write_text
from rrdyn.artifacts.places import said
from rrdyn.plotting.plate import ON_REQUEST, PICTURES, Plate, origin, save
from rrdyn.plotting.style import Style

DRAWN = (*PICTURES, ON_REQUEST)
ENDINGS = {*DRAWN, ".jpg", ".jpeg", ".eps", ".gif", ".tif", ".tiff", ".webp"}
"""Endings of --out that mean a picture rather than a folder."""


FILMS = {"gif": b"GIF8", "mp4": b"\0\0\0"}
"""What a film of each kind begins with."""


class Output:
    """Takes the plates of one figure: writes each with what belongs beside it, or keeps them in memory only.

    `given` is the user's --out: a folder, the name of a picture, or None for beside what was read. Without `writes`
    nothing is written at all.
    """

    def __init__(self, given: Path | None, style: Style, *, writes: bool = True) -> None:
        self.given, self.style, self.writes = given, style, writes
        if given is not None and given.suffix in ENDINGS.difference(DRAWN):
            raise UsageError(
                f"figures are not written as {given.suffix}", expected="NAME.png, NAME.pdf, NAME.svg or a folder"
            )
        self.plates: dict[str, Plate] = {}
        """Stem of the picture's name -> what is on it."""
        self.wrote: list[Path] = []
        self.told: dict[str, object] = {}
        """What the command has to tell with --json."""
        self.text = ""
        """What it tells a person; empty: which pictures were drawn."""

    def stem(self, name: str, beside: Path, short: str = "") -> Path:
        """Path without suffix of a picture `name` that would lie in the folder `beside`.

        Where --out names one picture, that is its name, with `short` behind it for a figure of several pictures.
        """
        if self.given is None:
            return beside / name
        if self.given.suffix in DRAWN:
            stem = self.given.with_name(self.given.name.removesuffix(self.given.suffix))
            return stem.with_name(f"{stem.name}_{short}") if short else stem
        return self.given / name

    def add(
        self, plate: Plate, name: str, beside: Path, *, short: str = "", inputs: Iterable[Path], **told: Any
    ) -> Path:
        """Take a picture; `inputs` are the files it shows and `told` is kept with it. Returns its path without suffix.

        Called inside `style.active()`, as every figure's draw is.
        """
        stem = self.stem(name, beside, short)
        if stem.name in self.plates:
            raise RrdynError(f"two pictures of one figure are called {stem.name}", expected="a name each")
        self.plates[stem.name] = plate
        if self.writes:
            svg = self.given is not None and self.given.suffix == ON_REQUEST
            self.wrote += save(plate, stem, self.style, meta=origin(inputs, self.style, **told), svg=svg)
        return stem

    def begin_again(self) -> None:
        """Forget the pictures taken so far: the same figure is drawn anew."""
        self.plates, self.wrote = {}, []

    def add_text(self, path: Path, text: str, *, begins: bytes) -> None:
        """Write a table that belongs to the figure; a file that begins otherwise is none of ours and stays."""
        if self.writes:
            self.wrote.append(write_text(path, text, begins=begins))

    def add_film(self, film: FuncAnimation, stem: Path, kind: str) -> None:
        """Write a moving picture, "gif" or "mp4", beside a still one."""
        if kind == "mp4" and not FFMpegWriter.isAvailable():
            raise RrdynError("an mp4 needs ffmpeg", expected="ffmpeg on the path", run="--film gif, or install ffmpeg")
        if not self.writes:
            raise UsageError("a film is a file", run="give its place with out")
        path = stem.with_name(f"{stem.name}.{kind}")
        with replacing(path, begins=FILMS[kind]) as partial:
            # the writer picks its format by the suffix, which the temporary name hides
            held = partial.with_name(partial.name + f".{kind}")
            try:
                film.save(held, writer=PillowWriter(fps=3) if kind == "gif" else FFMpegWriter(fps=3), dpi=120)
                held.replace(partial)
            except subprocess.SubprocessError as error:
                raise RrdynError("ffmpeg wrote no film", found=said(error), run="--film gif") from None
            finally:
                held.unlink(missing_ok=True)
        self.wrote.append(path)

    @property
    def figure(self) -> Figure:
        """The first picture."""
        return next(iter(self.plates.values())).figure

    def _repr_html_(self) -> str:
        """The pictures with their captions, for a notebook."""
        shown = []
        for plate in self.plates.values():
            with self.style.active():
                packed = io.BytesIO()
                plate.figure.savefig(packed, format="png", dpi=self.style.format.dpi / 2)
            source = base64.b64encode(packed.getvalue()).decode()
            caption = html.escape(plate.words)
            shown.append(
                f'<figure><img src="data:image/png;base64,{source}" alt="{html.escape(plate.alt, quote=True)}">'
                f"<figcaption>{caption}</figcaption></figure>"
            )
        return "".join(shown)
