"""Small artifacts for the figures, with known content."""

from __future__ import annotations
