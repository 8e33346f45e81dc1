"""The base of our own JSON records that are read back."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A record that one of our commands wrote: unknown keys are passed over, types are not bent, numbers are finite.

    Read one with `rrdyn.artifacts.reading.read_json(path, kind)`, where lists fill tuples as JSON has them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False, protected_namespaces=())
