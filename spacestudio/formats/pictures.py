"""The door for pictures: any common file to upright RGB, and nothing but ImageError when that can't be done."""

from __future__ import annotations

import functools
import hashlib
import io
import re
import unicodedata
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from spacestudio.errors import ImageError
from spacestudio.formats.door import read_bytes, reason
from spacestudio.settings import settings

ACCEPTED = "PNG, JPEG, WebP, AVIF, TIFF, GIF, BMP, PNM or JPEG 2000"
_DECODERS = ("PNG", "JPEG", "MPO", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "DIB", "PPM", "JPEG2000", "ICO")
"""Pillow's names; none of them starts another program, as its EPS reader would."""
BYTES_PER_PIXEL = 8
"""Of the largest uncompressed encoding, 16-bit RGBA; with `settings().max_pixels` it bounds the file."""
PNG_LEVEL = 3
"""zlib level of every PNG written; fixed, so that the same picture gives the same bytes."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as it came in.

    Attributes:
        rgb: (H, W, 3) uint8, upright.
        raw: the bytes that came in.
        name: of the file, for the person.
        warnings: what was lost on the way, one line each.
    """

    rgb: NDArray[np.uint8]
    raw: bytes
    name: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`sample_id` of its name and bytes."""
        return sample_id(Path(self.name).stem, self.raw)


def read_picture(source: Path | bytes, name: str = "") -> Picture:
    """Upright RGB of a picture file; its size is checked before a pixel is decoded.

    EXIF orientation is applied once; alpha lies over white; of an animation the first frame is taken; CMYK and 16-bit
    channels are reduced to 8-bit RGB. Where that loses something, a warning says so.

    Args:
        source: a file, or its bytes.
        name: what to call it; the file's name when empty.

    Raises:
        ImageError: unreadable, cut off, over `settings().max_pixels`, or without pixels.
    """
    name = name or (source.name if isinstance(source, Path) else "")
    limit = settings().max_pixels
    raw = read_bytes(source, limit * BYTES_PER_PIXEL + 1_000_000, ImageError, ACCEPTED, name)
    called = f"“{name}”" if name else "This picture"
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(raw), formats=_decoders())
            check_size(image.size, called)
            cut = _cut_off(image.format or "", raw)
            deep = _deep(image, raw)
            if not cut:
                image.load()
                check_size(image.size, called)
                turn = _orientation(image, notes)
                rgb = _upright(_to_rgb(image, deep, notes), turn)
                frames = _frames(image)
        except ImageError:
            raise
        except Image.DecompressionBombError:
            raise ImageError(f"{called} is too large to decode", f"at most {limit:,} pixels", "Make it smaller") from None
        except Exception as error:  # decoders raise anything: TypeError, SyntaxError, struct.error, MemoryError, …
            raise ImageError(f"{called} {_why(error, raw)}", ACCEPTED, "Open it elsewhere and save it again") from None
    if cut:
        raise ImageError(f"{called} is cut off before its end", "complete files", "Send the whole file again")
    if frames > 1:
        notes.append(f"Only the first of {frames} frames is used.")
    return Picture(np.ascontiguousarray(rgb), raw, name, tuple(notes))


def sample_id(stem: str, raw: bytes) -> str:
    """The cleaned stem, at most 40 characters of `[A-Za-z0-9_-]`, and 8 hex digits of the bytes' SHA-256.

    >>> sample_id("Café (1)", b"")
    'Cafe-1-e3b0c442'
    """
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode("ascii")
    clean = re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-_")[:40].rstrip("-_")
    return f"{clean or 'image'}-{hashlib.sha256(raw).hexdigest()[:8]}"


def png_bytes(pixels: NDArray[np.generic]) -> bytes:
    """PNG of an (H, W, 3) or (H, W) uint8 or (H, W) uint16 array; same array, same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=PNG_LEVEL)
    return buffer.getvalue()


def check_size(size: tuple[int, int], called: str) -> None:
    """Refuse a (width, height) px picture without pixels or with too many.

    Raises:
        ImageError: it has none, or more than `settings().max_pixels`.
    """
    width, height = size
    limit = settings().max_pixels
    if width < 1 or height < 1:
        raise ImageError(f"{called} has no pixels ({width} × {height})", ACCEPTED, "Send a picture of at least 1 × 1 pixel")
    if width * height > limit:
        raise ImageError(
            f"{called} has {width} × {height} = {width * height:,} pixels", f"at most {limit:,} pixels",
            "Make it smaller, or raise SPACE_STUDIO_MAX_PIXELS",
        )  # fmt: skip


@functools.cache
def _decoders() -> tuple[str, ...]:
    """The decoders this Pillow was built with."""
    Image.init()
    return tuple(name for name in _DECODERS if name in Image.OPEN)


def _why(error: Exception, raw: bytes) -> str:
    if raw[4:8] == b"ftyp" and raw[8:12] in (b"heic", b"heix", b"mif1", b"heim", b"heis"):
        return "is a HEIC picture, which can't be decoded here"
    if "truncated" in str(error).lower():
        return f"is cut off ({reason(error)})"
    if isinstance(error, UnidentifiedImageError):
        return "is no picture that can be recognised"
    return f"can't be decoded ({reason(error)})"


def _deep(image: Image.Image, raw: bytes) -> bool:
    """Whether its channels have more than 8 bits, which Pillow drops without a word for colour pictures."""
    if image.format == "PNG":
        return raw[24] > 8
    bits = getattr(image, "tag_v2", {}).get(258, 8) if image.format == "TIFF" else 8
    return bool(max(bits if isinstance(bits, tuple) else (bits,)) > 8)


def _to_rgb(image: Image.Image, deep: bool, notes: list[str]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of a loaded picture, not yet upright."""
    mode = image.mode
    profile = image.info.get("icc_profile") or b""
    if mode.startswith("I") or mode == "F":
        return _from_wide(image, notes)
    if deep:
        notes.append("16 bits per channel were reduced to 8.")
    if mode == "CMYK":
        notes.append("CMYK was converted to RGB" + (" without its colour profile." if profile else "."))
    elif profile and b"sRGB" not in profile and mode in ("RGB", "RGBA"):
        notes.append("Its colour profile was ignored; colours may look a little different.")
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA") if mode != "La" else image.convert("LA").convert("RGBA"))
        alpha = rgba[..., 3:].astype(np.uint16)
        if alpha.min() == 255:
            return np.array(rgba[..., :3])
        notes.append("Transparent parts were laid over white.")
        white = rgba[..., :3] * alpha + np.uint16(255) * (255 - alpha)
        return ((white + np.uint16(127)) // 255).astype(np.uint8)
    return np.array(image.convert("RGB"))


def _from_wide(image: Image.Image, notes: list[str]) -> NDArray[np.uint8]:
    """One channel of more than 8 bits: 16-bit values keep their high byte, others are stretched to 0-255."""
    values = np.asarray(image)
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if image.mode.startswith("I") and low >= 0 and high <= 65535:
        grey = (values.astype(np.uint16) >> 8).astype(np.uint8)
        notes.append("16 bits per channel were reduced to 8.")
    else:
        grey = ((finite - low) * (255 / (high - low)) if high > low else finite * 0).astype(np.uint8)
        notes.append(f"Values from {low:g} to {high:g} were stretched to 8 bits.")
    clear = image.info.get("transparency")
    if isinstance(clear, int) and (hole := values == clear).any():
        grey = np.where(hole, np.uint8(255), grey)
        notes.append("Transparent parts were laid over white.")
    return np.repeat(grey[..., None], 3, axis=2)


def _orientation(image: Image.Image, notes: list[str]) -> int:
    """EXIF orientation 1-8 of a loaded picture (Pillow turns TIFF by itself while loading, and forgets the tag)."""
    try:
        turn = image.getexif().get(0x0112, 1)
    except Exception:  # odd EXIF blocks make Pillow raise anything
        notes.append("Its EXIF block is damaged and was ignored.")
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _upright(rgb: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """EXIF orientation applied (EXIF 2.3, tag 0x0112)."""
    if turn in (5, 6, 7, 8):
        rgb = rgb.transpose(1, 0, 2)
    if turn in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    if turn in (3, 4, 7, 8):
        rgb = rgb[::-1]
    return rgb


def _frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # a broken later frame does not matter
        return 1


def _cut_off(kind: str, raw: bytes) -> bool:
    """Whether the container stops before its own end mark, which decoders forgive once they have all the rows."""
    walk = {"PNG": _png_ends, "JPEG": _jpeg_ends, "MPO": _jpeg_ends, "GIF": _gif_ends, "AVIF": _boxes_end}.get(kind)
    if kind == "WEBP":
        return int.from_bytes(raw[4:8], "little") + 8 > len(raw)
    try:
        return walk is not None and not walk(raw)
    except IndexError:
        return True


def _png_ends(raw: bytes) -> bool:
    at = 8
    while at + 12 <= len(raw):
        length, chunk = int.from_bytes(raw[at : at + 4], "big"), raw[at + 4 : at + 8]
        at += 12 + length
        if chunk == b"IEND":
            return at <= len(raw)
    return False


_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)


def _jpeg_ends(raw: bytes) -> bool:
    at = 2
    while found := _MARKER.search(raw, at):
        marker, at = found[1][0], found.end()
        if marker == 0xD9:
            return True
        if marker not in (0x01, 0xD8):
            at += int.from_bytes(raw[at : at + 2], "big")
    return False


def _gif_ends(raw: bytes) -> bool:
    at = 13 + (3 << (raw[10] & 7) + 1 if raw[10] & 0x80 else 0)
    while (block := raw[at]) != 0x3B:
        if block == 0x21:
            at += 2
        elif block == 0x2C:
            at += 11 + (3 << (raw[at + 9] & 7) + 1 if raw[at + 9] & 0x80 else 0)
        else:
            return False
        while length := raw[at]:
            at += 1 + length
        at += 1
    return True


def _boxes_end(raw: bytes) -> bool:
    at = 0
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(raw[at + 8 : at + 16], "big")
        at = len(raw) if size == 0 else at + max(size, 8)
    return at == len(raw)
