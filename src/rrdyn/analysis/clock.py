"""What a file's provenance says of its clock: sub-updates in a segment, segments in the budget."""

from __future__ import annotations

from rrdyn.artifacts.record import Meta


def sub_updates_per_segment(meta: Meta) -> int | None:
    """Sub-updates (= module evaluations) of one segment: as named, else from the model's cycles; None if neither."""
    estimator, model = _part(meta, "estimator"), _part(meta, "model")
    for holder in (estimator, meta):
        for key in ("sub_updates_per_segment", "sub_updates"):
            if isinstance(holder.get(key), int):
                return int(holder[key])
    cycles = model.get("H_cycles"), model.get("L_cycles")
    if isinstance(cycles[0], int) and isinstance(cycles[1], int):
        return int(cycles[0] * (cycles[1] + 1))
    return None


def budget(meta: Meta) -> int | None:
    """The segment at which the model is meant to be read out."""
    for holder in (meta, _part(meta, "model")):
        for key in ("readout", "budget", "halt_max_steps"):
            if isinstance(holder.get(key), int):
                return int(holder[key])
    return None


def _part(meta: Meta, key: str) -> Meta:
    found = meta.get(key)
    return found if isinstance(found, dict) else {}
