"""Command lines that are told, so that they can be pasted."""

from __future__ import annotations

import shlex
from pathlib import Path


def quoted(*words: Path | str) -> str:
    """The words as a shell takes them: a name with a space or a quote in it stays one word."""
    return " ".join(shlex.quote(str(word)) for word in words)
