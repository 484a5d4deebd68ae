"""Pictures that look alike, by perceptual hash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEAR = 4
"""Two pictures whose 64-bit hashes differ in at most so many bits look alike (ours; unrelated ones differ in about 32)."""


def fingerprint(image: NDArray[np.uint8]) -> int:
    """64-bit perceptual hash (pHash, low frequencies of the cosine transform) of an (H, W, 3) uint8 picture."""
    import imagehash  # loads scipy.fftpack
    from PIL import Image

    return int(str(imagehash.phash(Image.fromarray(image))), 16)


def alike(fingerprints: Sequence[int], near: int = NEAR) -> list[tuple[int, int]]:
    """Places (i, j), i < j, of all fingerprints that differ in at most `near` bits, in order."""
    bits = np.array(fingerprints, np.uint64)
    out: list[tuple[int, int]] = []
    for i in range(len(bits) - 1):
        differ = np.bitwise_count(bits[i] ^ bits[i + 1 :])
        out += [(i, i + 1 + int(k)) for k in np.flatnonzero(differ <= near)]
    return out
