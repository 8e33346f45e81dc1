"""A checkpoint and its puzzles measured: diagnosis, rollouts, perturbed restarts, evaluation, solving."""

from __future__ import annotations

from rrdyn.measurement.subject import Questions, Subject, open_subject

__all__ = ["Questions", "Subject", "open_subject"]
