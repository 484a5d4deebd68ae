"""Point clouds as PLY: our own binary form, and most of what others write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.cloud import PointCloud
from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError
from spacestudio.formats.format import Row

POINT = np.dtype([*((axis, "<f4") for axis in "xyz"), *((c, "u1") for c in ("red", "green", "blue")), ("object_id", "<i4")])
"""One point of ours, 19 bytes. Columns of plain numbers fill twice as fast as fields of three."""
ACCEPTED = "PLY, text or binary, with x, y and z of each vertex"
NO_COLOUR = 200
"""Grey of points without a colour."""
_HEADER = """ply
format binary_little_endian 1.0
element vertex {count}
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
property int object_id
end_header
"""
_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4", "double": "f8",
    "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_COLOURS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
_MAX_HEADER = 100_000


def write_ply(cloud: PointCloud, path: Path) -> Path:
    """Binary little-endian PLY: float x y z, uchar red green blue, int object_id (-1 for none), camera frame."""
    points = np.empty(len(cloud), POINT)
    for place, axis in enumerate("xyz"):
        points[axis] = cloud.points_camera[:, place]
    for place, color in enumerate(("red", "green", "blue")):
        points[color] = cloud.colors[:, place]
    points["object_id"] = cloud.object_index
    with path.open("wb") as file:
        file.write(_HEADER.format(count=len(points)).encode("ascii"))
        points.tofile(file)
    return path


def read_ply(path: Path, unit: str = "relative") -> PointCloud:
    """The vertices of a PLY file of ours or of anyone; faces and unknown properties are passed over.

    Missing colours are grey, missing object ids -1. Points that are not finite are left out.

    Args:
        path: a text, little-endian or big-endian file.
        unit: of the coordinates, which the file does not state: "m" or "relative".

    Raises:
        FormatError: no PLY file, cut off, or without coordinates.
    """
    called = f"“{path.name}”"
    try:
        with path.open("rb") as file:
            order, fields, count = _header(file, called)
            if order:
                dtype = np.dtype([(name, order + code) for name, code in fields])
                left = path.stat().st_size - file.tell()
                if left < count * dtype.itemsize:
                    raise _cut_off(called, count, left // dtype.itemsize)
                table: Any = np.fromfile(file, dtype, count)
            else:
                table = _text_table(file, fields, count, called)
    except OSError as error:
        raise FormatError(f"{called} can't be opened ({error.strerror})", ACCEPTED, "Check the path") from None
    names = [name for name, _ in fields]
    points = np.empty((count, 3), np.float32)
    for place, axis in enumerate("xyz"):
        points[:, place] = table[axis]
    keys = next((c for c in _COLOURS if set(c) <= set(names)), None)
    colors = _colors([table[k] for k in keys]) if keys else np.full((count, 3), NO_COLOUR, np.uint8)
    index = table["object_id"].astype(np.int32) if "object_id" in names else np.full(count, -1, np.int32)
    finite = np.isfinite(points).all(1)
    if not finite.all():
        points, colors, index = points[finite], colors[finite], index[finite]
    return PointCloud(points, colors, index, unit)


def _cut_off(called: str, count: int, there: int) -> FormatError:
    return FormatError(f"{called} announces {count:,} points and holds {there:,}", "complete files", "Write it again")


def _header(file: BinaryIO, called: str) -> tuple[str, list[tuple[str, str]], int]:
    """Byte order ("" for text), (name, type code) of each vertex property, and the number of vertices.

    The file is left at the first vertex.
    """
    order: str | None = None
    elements: list[tuple[str, int, list[tuple[str, str]]]] = []
    if file.readline(_MAX_HEADER).strip() != b"ply":
        raise FormatError(f"{called} is no PLY file", ACCEPTED)
    while True:
        line = file.readline(_MAX_HEADER)
        words = line.decode("ascii", "replace").split()
        if not line or file.tell() > _MAX_HEADER:
            raise FormatError(f"{called} has a PLY header without an end", ACCEPTED)
        match words:
            case ["end_header"]:
                break
            case ["format", kind, *_]:
                order = _ORDERS.get(kind)
            case ["element", name, number] if number.isdigit():
                elements.append((name, int(number), []))
            case ["property", "list", _, _, name] if elements:
                elements[-1][2].append((name, "list"))
            case ["property", kind, name] if elements and kind in _TYPES:
                elements[-1][2].append((name, _TYPES[kind]))
            case [] | ["comment" | "obj_info", *_]:
                pass
            case _:
                raise FormatError(f"{called} has the PLY header line “{' '.join(words)[:80]}”", ACCEPTED)
    if order is None:
        raise FormatError(f"{called} is PLY of an unknown encoding", ", ".join(_ORDERS))
    for name, count, fields in elements:
        lists = [field for field, code in fields if code == "list"]
        if name == "vertex":
            if lists or not {"x", "y", "z"} <= {field for field, _ in fields}:
                raise FormatError(f"{called} has vertices with {', '.join(f for f, _ in fields) or 'nothing'}", ACCEPTED)
            if len({field for field, _ in fields}) < len(fields):
                raise FormatError(f"{called} names a vertex property twice", ACCEPTED)
            return order, fields, count
        if order and lists:
            raise FormatError(f"{called} has lists ({name}) before its vertices", "PLY with the vertices first")
        if order:
            file.seek(count * sum(np.dtype(code).itemsize for _, code in fields), 1)
        else:
            for _ in range(count):
                if not file.readline():
                    break
    raise FormatError(f"{called} has no vertices", ACCEPTED)


def _text_table(file: BinaryIO, fields: list[tuple[str, str]], count: int, called: str) -> dict[str, NDArray[np.float64]]:
    words = file.read().split(maxsplit=count * len(fields))[: count * len(fields)]
    if len(words) < count * len(fields):
        raise _cut_off(called, count, len(words) // len(fields))
    try:
        values = np.array(words, np.float64).reshape(count, len(fields))
    except ValueError:
        raise FormatError(f"{called} has a vertex that is no row of numbers", ACCEPTED) from None
    return {name: values[:, place] for place, (name, _) in enumerate(fields)}


def _colors(channels: list[NDArray[Any]]) -> NDArray[np.uint8]:
    """(N, 3) uint8 of three channels: 8-bit as they are, 16-bit by their high byte, floats from 0-1."""
    values = np.stack(channels, axis=1)
    if values.dtype == np.uint8:
        return values
    numbers = np.nan_to_num(values.astype(np.float64))
    top = float(numbers.max(initial=0))
    if top <= 1 and values.dtype.kind not in "ui":
        numbers = numbers * 255
    elif top > 255:
        numbers = numbers // 256
    return np.clip(np.round(numbers), 0, 255).astype(np.uint8)


class Ply:
    """One cloud a sample; samples without depth have none."""

    name = "ply"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """id, file and number of points of each cloud."""
        return [
            {"id": s.id, "file": f"{s.id}.ply", "points": len(s.cloud)} for s in samples if s.cloud is not None
        ]  # fmt: skip

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """`<sample id>.ply` each."""
        folder.mkdir(parents=True, exist_ok=True)
        return [write_ply(s.cloud, folder / f"{s.id}.ply") for s in samples if s.cloud is not None]

    def read(self, path: Path) -> list[Row]:
        """id, file and number of points of each PLY file in a folder, or of one file.

        Raises:
            FormatError: no PLY file, or none there.
        """
        files = sorted(path.glob("*.ply")) if path.is_dir() else [path]
        if not files:
            raise FormatError(f"The folder “{path.name}” has no .ply file", ACCEPTED)
        out = []
        for file in files:
            try:
                with file.open("rb") as opened:
                    count = _header(opened, f"“{file.name}”")[2]
            except OSError as error:
                raise FormatError(f"“{file.name}” can't be opened ({error.strerror})", ACCEPTED) from None
            out.append({"id": file.stem, "file": file.name, "points": count})
        return out


FORMAT = Ply()
