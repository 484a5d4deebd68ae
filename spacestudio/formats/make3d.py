"""Make3D's laser depth: MATLAB files with `Position3DGrid`, rows x columns x 4, metres in the last channel.

Saxena, Sun and Ng, "Make3D: Learning 3D Scene Structure from a Single Still Image" (PAMI 2009); 55 x 305 points.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.depth import DepthKind, DepthMap
from spacestudio.errors import DepthError
from spacestudio.formats.depth_files import read_depth
from spacestudio.formats.door import read_bytes, reason
from spacestudio.geometry.resample import resampled

Array = NDArray[Any]
ACCEPTED = "a MATLAB 5 file with Position3DGrid, rows × columns × 4, metres in the 4th channel"
VARIABLE = "Position3DGrid"
LARGEST_MB = 64
"""Of a file, and of what it unpacks to; Make3D's have half a megabyte."""
_HEAD = 128
_MATRIX, _COMPRESSED = 14, 15
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMBERS, _COMPLEX = range(6, 16), 0x0800


def read_make3d(path: Path | bytes, name: str = "") -> DepthMap:
    """(rows, columns) metric depth; 0, negative, NaN and inf are invalid.

    Raises:
        DepthError: no such file, no MATLAB 5 file, cut off, too large when unpacked, or without that grid.
    """
    name = name or (path.name if isinstance(path, Path) else "")
    called = f"“{name}”" if name else "This MATLAB file"
    raw = read_bytes(path, LARGEST_MB * 1_000_000, DepthError, ACCEPTED, name)
    grid = _grid(raw, called)
    with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, which is invalid
        depth = DepthMap.of(grid[..., 3].astype(np.float32), "metric", name)
    if not depth.valid.any():
        raise DepthError(f"{called} holds no valid depth: its 4th channel is 0, negative, NaN or inf", ACCEPTED)
    return depth


def read_any_depth(
    path: Path, kind: DepthKind | None = None, units: float | None = None, size: tuple[int, int] | None = None
) -> tuple[DepthMap, tuple[str, ...]]:
    """A depth file of any kind, Make3D's too, and what had to be assumed; the arguments are those of `read_depth`.

    Raises:
        DepthError: it can't be read.
    """
    if path.suffix.lower() != ".mat":
        return read_depth(path, kind, units, size)
    depth = read_make3d(path)
    return (resampled(depth, *size) if size else depth), ()


# MATLAB 5 by its published format ("MAT-File Format", The MathWorks): tagged elements, some of them packed. Read here and
# not by SciPy, whose reader was seen to crash the interpreter on a damaged file (1.17).


def _grid(raw: bytes, called: str) -> Array:
    """(rows, columns, 4) numbers."""
    if len(raw) < _HEAD + 8 or not raw.startswith(b"MATLAB"):
        raise DepthError(f"{called} is no MATLAB 5 file", ACCEPTED)
    if raw.startswith(b"MATLAB 7.3"):
        raise DepthError(f"{called} is a MATLAB 7.3 file", ACCEPTED, "Save it with the option -v7")
    order = "<" if raw[126:128] == b"IM" else ">"
    names: list[str] = []
    try:
        for kind, data in _elements(raw[_HEAD:], order):
            if kind == _COMPRESSED:
                kind, data = next(_elements(_inflated(data, called), order), (0, b""))
            if kind == _MATRIX and (name := _name(data, order)) is not None:
                names.append(name)
                if name == VARIABLE:
                    return _numbers(data, order, called)
    except (struct.error, zlib.error, ValueError, OverflowError, KeyError) as error:
        raise DepthError(f"{called} is damaged ({reason(error)})", ACCEPTED, "Send the whole file again") from None
    raise DepthError(f"{called} holds {', '.join(map(repr, names[:5])) or 'nothing'}", ACCEPTED)


def _elements(raw: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Type and data of each element; a small one holds its data in its tag."""
    at = 0
    while at + 8 <= len(raw):
        kind, size = struct.unpack_from(f"{order}II", raw, at)
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
            at += 8
        else:
            start = at + 8
            at = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > len(raw):
            raise ValueError("it is cut off before its end")
        yield kind, raw[start : start + size]


def _inflated(data: bytes, called: str) -> bytes:
    stream, limit = zlib.decompressobj(), LARGEST_MB * 1_000_000
    part = stream.decompress(data, limit)
    if stream.unconsumed_tail:
        raise DepthError(f"{called} unpacks to more than {LARGEST_MB} MB", f"at most {LARGEST_MB} MB")
    return part


def _name(matrix: bytes, order: str) -> str | None:
    """A variable's name; None for what is no variable."""
    parts = [data for _, data in islice(_elements(matrix, order), 3)]
    return parts[2].decode("latin-1") if len(parts) == 3 else None


def _numbers(matrix: bytes, order: str, called: str) -> Array:
    """The grid itself, stored column by column."""
    parts = list(islice(_elements(matrix, order), 4))
    (flags,) = struct.unpack_from(f"{order}I", parts[0][1])
    shape = tuple(np.frombuffer(parts[1][1], f"{order}i4").tolist())
    told = f"{VARIABLE} of {called} is {' × '.join(map(str, shape[:8]))} of MATLAB class {flags & 0xFF}"
    if len(shape) != 3 or shape[2] != 4 or min(shape) < 1 or flags & 0xFF not in _NUMBERS or flags & _COMPLEX:
        raise DepthError(told, ACCEPTED)
    stored, data = parts[3] if len(parts) == 4 else (0, b"")
    values = np.frombuffer(data, f"{order}{_STORED[stored]}" if stored in _STORED else "u1")
    if len(values) != math.prod(shape) or stored not in _STORED:
        raise ValueError(f"{math.prod(shape):,} numbers are claimed and {len(values):,} are there")
    return values.reshape(shape, order="F")
