"""What `inspect` says of a run folder, its checkpoint with it."""

from __future__ import annotations

from typing import Literal

from rrdyn.models.description import Description
from rrdyn.studies.inspected import Seen


class Run(Seen):
    """A run folder."""

    kind: Literal["run"] = "run"
    checkpoints: list[str]
    results: list[str]
    checkpoint: Description
    """The one it would be taken for."""
