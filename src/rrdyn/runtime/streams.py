"""Random streams keyed by what they are for, so that no draw depends on batch size, order or process."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *keys: int | str) -> np.random.Generator:
    """An independent Philox stream for (seed, keys), such as `generator(seed, "z0", example, copy)`.

    The keys are hashed together, so that neighbouring seeds or indices give unrelated streams.
    """
    text = "/".join(str(part) for part in (seed, *keys))
    words = np.frombuffer(hashlib.sha256(text.encode()).digest()[:16], dtype="<u8")
    return np.random.Generator(np.random.Philox(key=words))
