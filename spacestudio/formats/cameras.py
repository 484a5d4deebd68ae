"""The door for cameras and poses: the forms published data sets use, to a Camera that fits its picture."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.camera import Camera
from spacestudio.errors import CameraError
from spacestudio.formats.door import counted, read_bytes, reason

ACCEPTED = "“fx,fy,cx,cy”, a 3×3 text matrix, Open3D's JSON, JSON with fx, fy, cx, cy, or JSON with cam_in per file"
ACCEPTED_POSES = "a .log trajectory, lines of tx ty tz qx qy qz qw, or 4×4 text matrices"
LIMIT = 64_000_000
"""Bytes of a camera or pose file."""
OFF_CENTRE = 0.01
"""Share of the picture by which the principal point may miss its middle before a file that states no size is doubted."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class _Stated:
    """What a file says: intrinsics in px and, where stated, the (width, height) px they belong to."""

    fx: float
    fy: float
    cx: float
    cy: float
    size: tuple[float, float] | None = None
    typed: bool = False


def read_camera(path_or_text: Path | str, width: int, height: int, name: str = "") -> tuple[Camera, tuple[str, ...]]:
    """The camera of a (width, height) px picture, and warnings.

    Args:
        path_or_text: a file, its path, or the text itself.
        width, height: of the picture, px. A camera stated for another size of the same proportions is scaled.
        name: of the picture, for files that list one camera a picture (Metric3D's test_annotations.json).

    Raises:
        CameraError: unreadable, or stated for other proportions.
    """
    notes: list[str] = []
    text, called = _text(path_or_text)
    typed = text == path_or_text and "\n" not in text.strip()
    stated = _stated(text, called, name, notes, typed)
    sx = sy = 1.0
    if stated.size and stated.size != (width, height):
        sx, sy = width / stated.size[0], height / stated.size[1]
        was = f"{stated.size[0]:g} × {stated.size[1]:g} px"
        if abs(sx / sy - 1) > 0.01:
            raise CameraError(
                f"The camera belongs to a {was} picture, this one has {width} × {height} px",
                "a picture of the same proportions", "Give the camera of this picture",
            )  # fmt: skip
        notes.append(f"The camera is stated for {was} and was scaled to {width} × {height} px.")
    camera = Camera(stated.fx * sx, stated.fy * sy, stated.cx * sx, stated.cy * sy, width, height, "given")
    away = camera.cx / width - 0.5, camera.cy / height - 0.5
    point = f"The principal point ({camera.cx:.0f}, {camera.cy:.0f})"
    if max(map(abs, away)) > 0.5:
        notes.append(f"{point} lies outside the {width} × {height} px picture: the camera may belong to another picture.")
    elif max(map(abs, away)) > (0.25 if stated.size or stated.typed else OFF_CENTRE):
        notes.append(
            f"{point} misses the middle of the {width} × {height} px picture by {max(map(abs, away)):.1%}"
            + ("." if stated.size or stated.typed else " and the file states no size: check that they belong together.")
        )
    return camera, tuple(notes)


def check_camera(path_or_text: Path | str) -> None:
    """Raise CameraError when it is no camera, whatever the picture; a file with a row per picture may still lack one."""
    text, called = _text(path_or_text)
    data = _json(text, called) if _is_json(text) else None
    if not (isinstance(data, dict) and isinstance(data.get("files"), list)):
        _stated(text, called, "", [])


def stated_depth_scale(path_or_text: Path | str, name: str = "") -> float | None:
    """Raw units per metre of the integer depth files that go with a camera file (its `depth_scale`); None if unstated.

    Args:
        path_or_text: as for `read_camera`.
        name: of the picture, for files that list one camera a picture.

    Raises:
        CameraError: unreadable, or no scale at all.
    """
    text, called = _text(path_or_text)
    data = _json(text, called) if _is_json(text) else None
    if not isinstance(data, dict):
        return None
    rows = data["files"] if isinstance(data.get("files"), list) else [data, data.get("intrinsic")]
    found = _meant(rows, name, "depth_scale")
    if len(found) != 1:
        return None
    scale = found[0]
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not (math.isfinite(scale) and scale > 0):
        raise CameraError(f"{called} states the depth scale {scale!r}"[:200], "raw units per metre, more than 0")
    return float(scale)


def _text(source: Path | str) -> tuple[str, str]:
    """What was given as text, and what to call it."""
    text, called = str(source), "This camera"
    if isinstance(source, Path) or ("\n" not in source and "{" not in source and len(_numbers(source)) not in (4, 9)):
        path = Path(source)
        if isinstance(source, str) and "," in source and (given := len(_numbers(source))) and not path.exists():
            raise CameraError(f"{counted(given, 'number')} given as camera, four needed (fx,fy,cx,cy)", ACCEPTED)
        called = f"“{path.name}”"
        raw = read_bytes(path, LIMIT, CameraError, ACCEPTED)
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise CameraError(f"{called} is no text", ACCEPTED) from None
    return text, called


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[")


def _json(text: str, called: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CameraError(f"{called} is no valid JSON ({reason(error)})", ACCEPTED) from None


def _stated(text: str, called: str, name: str, notes: list[str], typed: bool = False) -> _Stated:
    if _is_json(text):
        return _from_json(text, name, called, notes)
    numbers = _numbers(text)
    if len(numbers) == 4:
        return _intrinsics(numbers, typed=typed)
    if len(numbers) == 9:
        return _from_matrix(np.array(numbers).reshape(3, 3), notes)
    raise CameraError(f"{called} holds {len(numbers)} numbers", ACCEPTED)


def _numbers(text: str) -> list[float]:
    """All numbers of a text of nothing but numbers; empty when there is anything else."""
    words = re.sub(r"#.*|[\[\](),;]", " ", text).split()
    try:
        return [float(word) for word in words]
    except ValueError:
        return []


def _intrinsics(numbers: Any, size: tuple[float, float] | None = None, typed: bool = False) -> _Stated:
    try:
        fx, fy, cx, cy = (float(v) for v in numbers)
    except (TypeError, ValueError):
        raise CameraError("This camera has no four numbers fx, fy, cx, cy", ACCEPTED) from None
    if not all(map(math.isfinite, (fx, fy, cx, cy))):
        raise CameraError(f"This camera has a number that is not finite: {fx}, {fy}, {cx}, {cy}", ACCEPTED)
    return _Stated(fx, fy, cx, cy, size, typed)


def _from_matrix(m: Matrix, notes: list[str], size: tuple[float, float] | None = None) -> _Stated:
    if not np.allclose(m[2], [0, 0, 1]):
        raise CameraError("This camera matrix does not end in the row 0 0 1", "fx 0 cx / 0 fy cy / 0 0 1")
    if abs(m[0, 1]) > 1e-6 or abs(m[1, 0]) > 1e-6:
        notes.append(f"The skew of {m[0, 1]:g} was ignored.")
    return _intrinsics((m[0, 0], m[1, 1], m[0, 2], m[1, 2]), size)


def _from_json(text: str, name: str, called: str, notes: list[str]) -> _Stated:
    data = _json(text, called)
    if isinstance(data, dict) and isinstance(data.get("files"), list):
        return _intrinsics(_per_file(data["files"], name, called))
    if isinstance(data, dict) and isinstance(data.get("intrinsic"), dict):  # Open3D's PinholeCameraParameters
        data = data["intrinsic"]
    if isinstance(data, list):
        data = {"cam_in": data} if len(data) == 4 else {"K": data}
    if not isinstance(data, dict):
        raise CameraError(f"{called} holds {type(data).__name__}", ACCEPTED)
    size = _size(data, called)
    if {"fx", "fy", "cx", "cy"} <= data.keys():
        return _intrinsics([data[k] for k in ("fx", "fy", "cx", "cy")], size)
    if "cam_in" in data:
        return _intrinsics(data["cam_in"], size)
    key = next((k for k in ("intrinsic_matrix", "K", "camera_matrix") if k in data), None)
    if key is None:
        raise CameraError(f"{called} has the keys {', '.join(map(str, data))}"[:200], ACCEPTED)
    try:
        m = np.array(data[key], np.float64).reshape(3, 3)
    except (TypeError, ValueError):
        raise CameraError(f"{called} has a {key} that is no 3×3 matrix", ACCEPTED) from None
    by_columns = np.allclose(m[:, 2], [0, 0, 1]) and not np.allclose(m[2], [0, 0, 1])  # Open3D writes column after column
    return _from_matrix(m.T if by_columns else m, notes, size)


def _size(data: dict[str, Any], called: str) -> tuple[float, float] | None:
    if "width" not in data or "height" not in data:
        return None
    try:
        size = float(data["width"]), float(data["height"])
    except (TypeError, ValueError):
        size = (0.0, 0.0)
    if not all(math.isfinite(v) and v >= 1 for v in size):
        raise CameraError(f"{called} states the size {data['width']} × {data['height']}", "a width and height in pixels")
    return size


def _per_file(rows: list[Any], name: str, called: str) -> Any:
    """cam_in of the row for that picture; the only one there is when all rows agree."""
    found = _meant(rows, name, "cam_in")
    if not found:
        raise CameraError(f"{called} lists no cam_in", ACCEPTED)
    if len(found) > 1:
        raise CameraError(f"{called} lists {len(found)} cameras, none for “{name}”", "a row naming that picture under rgb")
    return found[0]


def _meant(rows: list[Any], name: str, key: str) -> list[Any]:
    """What rows say under `key` of that picture: one value if a row names it, else all that differ."""
    stated = {PurePosixPath(str(r.get("rgb", ""))).name: r[key] for r in rows if isinstance(r, dict) and key in r}
    own = Path(name).name
    named = [file for file in stated if file and own and (file == own or PurePosixPath(file).stem in Path(own).stem)]
    if named:
        return [stated[max(named, key=lambda file: (file == own, len(file)))]]
    values = list(stated.values())
    return [value for k, value in enumerate(values) if value not in values[:k]]


def read_poses(path: Path) -> list[Matrix]:
    """Camera-to-world matrices, (4, 4) float64 each, in the file's order.

    Redwood's .log (a line of three numbers, then four rows), slambook's `tx ty tz qx qy qz qw` a line (TUM's with a time
    before them), 4×4 text matrices one after another, KITTI's 12 and d2p's 16 numbers a line.

    Raises:
        CameraError: unreadable, or a matrix that is no rigid motion.
    """
    raw = read_bytes(path, LIMIT, CameraError, ACCEPTED_POSES)
    called = f"“{path.name}”"
    lines = [line.split("#", 1)[0].replace(",", " ").split() for line in raw.decode("utf-8", "replace").splitlines()]
    try:
        rows = [[float(word) for word in line] for line in lines if line]
    except ValueError as error:
        raise CameraError(f"{called} holds something that is no number ({reason(error)})", ACCEPTED_POSES) from None
    lengths = [len(row) for row in rows]
    poses: list[Matrix]
    if lengths and lengths == [3, 4, 4, 4, 4] * (len(rows) // 5):
        poses = [np.array(rows[i + 1 : i + 5]) for i in range(0, len(rows), 5)]
    elif lengths and lengths == [4] * (len(rows) // 4 * 4):
        poses = [np.array(rows[i : i + 4]) for i in range(0, len(rows), 4)]
    elif set(lengths) in ({7}, {8}):
        poses = [_from_quaternion(row[-7:], called) for row in rows]
    elif set(lengths) in ({12}, {16}):
        poses = [np.vstack((np.reshape(row[:12], (3, 4)), row[12:] or [0, 0, 0, 1])) for row in rows]
    else:
        found = ", ".join(map(str, sorted(set(lengths)))) or "no"
        raise CameraError(f"{called} has lines of {found} numbers", ACCEPTED_POSES)
    for number, pose in enumerate(poses, 1):
        turn = pose[:3, :3]
        if not (
            np.isfinite(pose).all()
            and np.allclose(pose[3], [0, 0, 0, 1], atol=1e-6)
            and np.allclose(turn @ turn.T, np.eye(3), atol=0.02)
            and np.linalg.det(turn) > 0
        ):
            raise CameraError(f"Pose {number} of {called} is no rigid motion", "rotation and translation, camera to world")
    return poses


def _from_quaternion(row: list[float], called: str) -> Matrix:
    """(4, 4) of tx ty tz qx qy qz qw."""
    q = np.array(row[3:])
    norm = float(np.linalg.norm(q))
    if not 0.9 < norm < 1.1:
        raise CameraError(f"{called} has a quaternion of length {norm:.3g}", "unit quaternions qx qy qz qw")
    x, y, z, w = q / norm
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = row[:3]
    return pose
