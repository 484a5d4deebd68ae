"""The door for depth files: 16-bit PNG, PGM, TIFF, NPY, NPZ and 8-bit pictures to a DepthMap that says what it is."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from spacestudio.domain.depth import DepthKind, DepthMap
from spacestudio.errors import DepthError, ImageError
from spacestudio.formats.door import read_bytes, reason
from spacestudio.formats.pictures import check_size
from spacestudio.settings import settings

ACCEPTED = "16-bit PNG, PGM or TIFF, float32 TIFF, NPY, NPZ, or an 8-bit grey picture"
MILLIMETRES = 1000.0
"""Raw units per metre taken for integer depth when none is given; TUM has 5000, KITTI 256."""
KEYS = ("depth", "disparity", "arr_0")
"""Arrays looked for in an NPZ that holds several, in this order."""
NO_KINECT = 2047
"""Raw Kinect code for "nothing measured"."""
_SUN_UNITS = 8000.0

Array = NDArray[Any]


def read_depth(
    path: Path | bytes,
    kind: DepthKind | None = None,
    raw_units_per_metre: float | None = None,
    size: tuple[int, int] | None = None,
    name: str = "",
) -> tuple[DepthMap, tuple[str, ...]]:
    """A depth map and what had to be assumed, one line each.

    Without `kind`: integers of 16 bits and more are metric, floats are metric metres, 8-bit values are relative, and what
    is named disparity is disparity. Without a scale, metric integers are millimetres. 0, an integer type's maximum,
    NaN and inf are invalid.

    Args:
        path: a file, or its bytes.
        kind: what the numbers mean; "relative" and "disparity" keep them as they are.
        raw_units_per_metre: raw value of one metre; makes the depth metric.
        size: (width, height) px of the picture it belongs to; the map is resampled to it, nearest neighbour.
        name: of the file, for the person.

    Raises:
        DepthError: unreadable, too large, nothing valid in it, or lying on its side.
    """
    name = name or (path.name if isinstance(path, Path) else "")
    called = f"“{name}”" if name else "This depth file"
    if kind is not None and kind not in get_args(DepthKind):
        raise DepthError(f"“{kind}” is no kind of depth", ", ".join(get_args(DepthKind)))
    if raw_units_per_metre is not None and not (math.isfinite(raw_units_per_metre) and raw_units_per_metre > 0):
        raise DepthError(f"A scale of {raw_units_per_metre} raw units per metre", "a positive number, 1000 for millimetres")
    raw = read_bytes(path, settings().max_pixels * 8 + 1_000_000, DepthError, ACCEPTED, name)
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values, key = _decode(raw, called)
        except DepthError:
            raise
        except ImageError as error:
            raise DepthError(error.received, error.accepted, error.next_step) from None
        except UnidentifiedImageError:  # its text is the stream's address in memory
            raise DepthError(f"{called} can't be read as depth", ACCEPTED) from None
        except Exception as error:  # decoders raise anything: TypeError, SyntaxError, struct.error, MemoryError, …
            raise DepthError(f"{called} can't be read as depth ({reason(error)})", ACCEPTED) from None
    values = _flat(values, called)
    kind, units = _meaning(values, key, Path(name).stem, kind, raw_units_per_metre, notes)
    values, kind = _traps(values, kind, units, raw_units_per_metre, called, notes)
    depth = DepthMap.of(values, kind, name)
    if kind == "metric" and units != 1:
        depth = DepthMap(np.divide(depth.values, np.float32(units), dtype=np.float32), kind, depth.valid, name)
    if not depth.valid.any():
        raise DepthError(
            f"{called} holds no valid depth: all {values.size:,} values are 0, the type's maximum, negative, NaN or inf",
            ACCEPTED, "Check that it is the depth file and not a mask",
        )  # fmt: skip
    if kind == "metric":
        _check_range(depth, values, units, raw_units_per_metre, notes)
    empty = 1 - depth.valid.mean()
    if empty > 0.5:
        notes.append(f"{empty:.0%} of the depth map is empty; relations rest on the rest.")
    return _fitted(depth, size, called, notes), tuple(notes)


def load_npy(raw: bytes) -> Array:
    """The array of an NPY file, its size checked before anything is allocated; never unpickles.

    Raises:
        DepthError: no NPY file, cut off, too large, or not numbers.
    """
    return _npy(io.BytesIO(raw), "This NPY file")


def _decode(raw: bytes, called: str) -> tuple[Array, str]:
    """The array as stored and, for NPZ, its key."""
    if raw[:6] == b"\x93NUMPY":
        return _npy(io.BytesIO(raw), called), ""
    if raw[:2] == b"PK":
        return _npz(raw, called)
    if raw[:2] in (b"P5", b"P2"):
        return _pgm(raw, called), ""
    return _raster(raw, called), ""


def _npy(stream: IO[bytes], called: str) -> Array:
    version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise DepthError(f"{called} is NPY of version {version[0]}.{version[1]}", "NPY 1.0 and 2.0")
    shape, by_columns, dtype = readers[version](stream)  # type: ignore[no-untyped-call]
    if dtype.kind not in "uif":
        raise DepthError(f"{called} holds {dtype} values", "one array of integers or floats", "Save it without objects")
    count = math.prod(shape)
    if count * dtype.itemsize > settings().max_pixels * 16:
        raise DepthError(f"{called} claims {count:,} values of {dtype}", f"at most {settings().max_pixels:,} pixels")
    data = stream.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise DepthError(f"{called} is cut off before its end", "complete files", "Send the whole file again")
    array = np.frombuffer(data, dtype)
    return array.reshape(shape, order="F" if by_columns else "C")


def _npz(raw: bytes, called: str) -> tuple[Array, str]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = {Path(n).stem: n for n in archive.namelist() if n.endswith(".npy")}
        key = next((k for k in KEYS if k in names), next(iter(names)) if len(names) == 1 else None)
        if key is None:
            found = ", ".join(names) or "nothing"
            raise DepthError(f"{called} holds {found}", f"one array, or one called {', '.join(KEYS)}")
        with archive.open(names[key]) as stream:
            return _npy(stream, called), key


def _pgm(raw: bytes, called: str) -> Array:
    """P5 and P2; two bytes a value, the higher first, above 255 (netpbm's specification). Values are not stretched."""
    at = 2
    fields: list[int] = []
    while len(fields) < 3:
        while raw[at : at + 1].isspace():
            at += 1
        if raw[at : at + 1] == b"#":
            at = raw.index(b"\n", at)
            continue
        start = at
        while raw[at : at + 1].isdigit():
            at += 1
        if at == start or at - start > 9:
            raise DepthError(f"{called} has a damaged PGM header", ACCEPTED)
        fields.append(int(raw[start:at]))
    width, height, highest = fields
    check_size((width, height), called)
    if not 0 < highest < 65536:
        raise DepthError(f"{called} states {highest} as its largest value", "1 to 65535")
    dtype = np.dtype(np.uint8 if highest < 256 else ">u2")
    if raw[:2] == b"P2":
        values = np.array(raw[at:].split()[: width * height], np.int64)
        if len(values) == width * height:
            return values.reshape(height, width).clip(0, 65535).astype(dtype.newbyteorder("="))
    else:
        body = raw[at + 1 : at + 1 + width * height * dtype.itemsize]
        if len(body) == width * height * dtype.itemsize:
            return np.frombuffer(body, dtype).reshape(height, width).astype(dtype.newbyteorder("="))
    raise DepthError(f"{called} is cut off before its end", "complete files", "Send the whole file again")


def _raster(raw: bytes, called: str) -> Array:
    image = Image.open(io.BytesIO(raw), formats=("PNG", "TIFF", "JPEG", "BMP"))
    check_size(image.size, called)
    coloured_16 = image.format == "PNG" and raw[24] == 16 and raw[25] != 0
    image.load()
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F", "L"):
        return np.array(image)
    if coloured_16:
        raise DepthError(f"{called} has 16-bit colours", ACCEPTED, "Save one grey channel")
    return np.array(image.convert("L") if image.mode in ("1", "LA") else image.convert("RGB"))


def _flat(values: Array, called: str) -> Array:
    """(H, W) of (H, W), (H, W, 1), (1, H, W), or of equal channels."""
    shape = values.shape
    if values.ndim == 4 and 1 in (shape[0], shape[-1]):
        values = values[0] if shape[0] == 1 else values[..., 0]
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    elif values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    elif values.ndim == 3 and values.shape[2] in (3, 4):
        first = values[..., 0]
        if not all(np.array_equal(first, values[..., c], equal_nan=values.dtype.kind == "f") for c in (1, 2)):
            raise DepthError(
                f"{called} has colours that differ, so it is a photo or a colour-mapped depth", ACCEPTED,
                "Give the depth values themselves",
            )  # fmt: skip
        values = first
    if values.ndim != 2:
        raise DepthError(f"{called} has the shape {' × '.join(map(str, shape)) or 'of one number'}", "height × width")
    height, width = values.shape
    try:
        check_size((width, height), called)
    except ImageError as error:
        raise DepthError(error.received, error.accepted, error.next_step) from None
    native = values.dtype.newbyteorder("=")
    return np.ascontiguousarray(values, native)


def _meaning(
    values: Array, key: str, stem: str, kind: DepthKind | None, units: float | None, notes: list[str]
) -> tuple[DepthKind, float]:
    """What the numbers mean and, for metric ones, raw units per metre."""
    whole = values.dtype.kind in "ui"
    if kind is None and units is not None:
        kind = "metric"
    if kind is None and (key == "disparity" or "disp" in stem.lower()):
        kind = "disparity"
        notes.append("Read as disparity (larger is nearer), because it is called so.")
    if kind is None and values.dtype.itemsize == 1:
        kind = "relative"
        notes.append("8-bit depth has 255 steps: read as relative, larger is farther. Give the kind if nearer is brighter.")
    if kind is None:
        kind = "metric"
        if whole:
            notes.append("Assumed millimetres (1000 raw units per metre), as no scale was given.")
        else:
            notes.append("Assumed metres, as no kind or scale was given.")
    elif kind == "metric" and units is None and whole:
        notes.append("Assumed millimetres (1000 raw units per metre), as no scale was given.")
    if kind != "metric" and units is not None:
        notes.append(f"The scale of {units:g} raw units per metre was not used: the depth is {kind}.")
    return kind, (units or (MILLIMETRES if whole else 1.0))


def _traps(
    values: Array, kind: DepthKind, units: float, given: float | None, called: str, notes: list[str]
) -> tuple[Array, DepthKind]:
    """Encodings that pass for millimetres and are not (BASELINES 1): raw Kinect codes, SUN RGB-D's turned bits."""
    if values.dtype != np.uint16:
        return values, kind
    swapped = values.byteswap()
    codes = swapped.max() == NO_KINECT and values.max() > NO_KINECT and (swapped == NO_KINECT).mean() > 0.001
    if codes and given is None:
        notes[:] = [n for n in notes if not n.startswith("Assumed")]
        notes.append(
            "Its values are byte-swapped raw Kinect codes (0-2047), not millimetres: read as relative depth, 2047 as empty."
        )
        return np.where(swapped == NO_KINECT, 0, swapped).astype(np.uint16), "relative"
    if kind != "metric" or given is not None:
        return values, kind
    if values.max() == NO_KINECT and (values == NO_KINECT).mean() > 0.01:
        notes.append("Many values are exactly 2047, as in raw Kinect codes, which are no millimetres; give the kind.")
    used = values[values > 0]
    if used.size > 100 and not (used & 7).any() and len(np.unique(used)) > 50:
        notes.append(
            "All values are multiples of 8, as in SUN RGB-D, whose bits are turned by 3; "
            f"give {_SUN_UNITS:g} raw units per metre if it is."
        )
    return values, kind


def _check_range(depth: DepthMap, values: Array, units: float, given: float | None, notes: list[str]) -> None:
    """Say how far it reaches where the scale was assumed, so that a wrong one shows."""
    used = depth.values[depth.valid]
    middle, far = float(np.median(used)), float(used.max())
    if given is None:
        reach = f"; it reaches {far:.3g} m, half of it within {middle:.3g} m."
        notes[:] = [n[:-1] + reach if n.startswith("Assumed") else n for n in notes]
    if given is None and values.dtype.kind == "f" and middle > 250:
        notes.append("Depths of hundreds of metres look like millimetres; give 1000 raw units per metre if they are.")


def _fitted(depth: DepthMap, size: tuple[int, int] | None, called: str, notes: list[str]) -> DepthMap:
    """The map at the picture's size: nearest neighbour, so that no depth is invented across edges."""
    height, width = depth.values.shape
    if size is None or size == (width, height):
        return depth
    if size == (height, width):
        raise DepthError(
            f"{called} is {width} × {height} px and the upright picture {size[0]} × {size[1]} px",
            "depth as upright as its picture", "Turn the depth map by a quarter",
        )  # fmt: skip
    rows = np.minimum(((np.arange(size[1]) + 0.5) * height / size[1]).astype(np.intp), height - 1)
    columns = np.minimum(((np.arange(size[0]) + 0.5) * width / size[0]).astype(np.intp), width - 1)
    note = f"The depth map is {width} × {height} px; it was resampled to the picture's {size[0]} × {size[1]} px."
    if abs(size[0] * height / (size[1] * width) - 1) > 0.02:
        note += " Their proportions differ, so check that they belong together."
    notes.append(note)
    grid = np.ix_(rows, columns)
    valid = depth.valid[grid]
    if not valid.any():
        raise DepthError(f"{called} has no valid depth left at the picture's {size[0]} × {size[1]} px", ACCEPTED)
    return DepthMap(depth.values[grid], depth.kind, valid, depth.source)
