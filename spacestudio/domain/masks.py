"""Masks as short text, so that an event can carry one."""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np
from numpy.typing import NDArray


def encode_mask(mask: NDArray[np.bool_]) -> str:
    """ "WxH:" and the zlib-packed bits of an (H, W) mask in base64."""
    height, width = mask.shape
    packed = zlib.compress(np.packbits(mask).tobytes(), 6)
    return f"{width}x{height}:{base64.b64encode(packed).decode('ascii')}"


def decode_mask(text: str, max_pixels: int = 100_000_000) -> NDArray[np.bool_]:
    """The (H, W) mask `encode_mask` wrote.

    Raises:
        ValueError: not such a text, or larger than `max_pixels`.
    """
    size, _, body = text.partition(":")
    try:
        width, height = (int(v) for v in size.split("x"))
        if min(width, height) < 1 or width * height > max_pixels:
            raise ValueError("size out of range")
        count = (width * height + 7) // 8
        raw = zlib.decompressobj().decompress(base64.b64decode(body, validate=True), count)
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), count=width * height)
    except (ValueError, zlib.error, binascii.Error) as error:
        raise ValueError(f"This is no encoded mask: {error}") from None
    return bits.reshape(height, width).astype(bool)
