"""The one file that speaks Open3D: cleaning, thinning, the floor and oriented boxes of clouds.

Every verb works without it too, in NumPy; `backend()` says which one runs. Open3D wakes at the first call.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.cloud import PointCloud
from spacestudio.domain.space import OrientedBox, Plane
from spacestudio.settings import settings

NEIGHBOURS: Final = 20
"""Points whose mean distance is looked at when outliers are removed."""
DEVIATIONS: Final = 2.0
"""Standard deviations of that distance beyond which a point is an outlier."""
CLEAN_SAMPLE: Final = 60_000
"""Points looked at when outliers are removed."""
FLOOR_SAMPLE: Final = 20_000
"""Points looked at for the floor."""
FLOOR_SHARE: Final = 0.08
"""Least share of the points that must lie on a floor."""
FLOOR_TILT_DEG: Final = 45.0
"""Largest angle between the floor's normal and up (-y)."""
FLOOR_REACH: Final = 0.02
"""Distance of a floor point from its plane, as a share of the cloud's median distance."""
TRIES: Final = 600
"""Planes tried."""

Points = NDArray[np.float32]


@functools.cache
def _load() -> tuple[Any, str | None]:
    """The module and None, or None and why it can't be used."""
    if not settings().open3d:
        return None, "Open3D is switched off (SPACE_STUDIO_OPEN3D); clouds are handled by NumPy."
    try:
        try:  # the shared library open3d is linked against, which slim machines lack
            usb = importlib.import_module("libusb_package")
            ctypes.CDLL(str(usb.get_library_path()), mode=ctypes.RTLD_GLOBAL)
        except (ImportError, OSError, TypeError, AttributeError):
            pass
        module = importlib.import_module("open3d")
        module.utility.set_verbosity_level(module.utility.VerbosityLevel.Error)  # its warnings go to standard output
        return module, None
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        return None, f"Open3D can't be imported ({reason}); install the system packages in packages.txt. NumPy is used."


def available() -> str | None:
    """None when Open3D can be used, else why not, in one line."""
    return _load()[1]


def backend() -> str:
    """What runs: "open3d 0.20.0" or "numpy"."""
    module = _load()[0]
    return "numpy" if module is None else f"open3d {module.__version__}"


def _as_cloud(module: Any, points: NDArray[np.floating[Any]]) -> Any:
    cloud = module.geometry.PointCloud()
    cloud.points = module.utility.Vector3dVector(np.ascontiguousarray(points, np.float64))
    return cloud


def _stride(n: int, most: int) -> NDArray[np.int64]:
    """At most `most` of n places, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)) if n else np.empty(0, np.int64)


def clean(cloud: PointCloud) -> PointCloud:
    """The cloud without points far from their neighbours; large clouds are judged on a thinned copy.

    A point goes with the thinned point nearest to it. Without Open3D every point stays.
    """
    module = _load()[0]
    if module is None or len(cloud) <= NEIGHBOURS:
        return cloud
    sample = _voxels(cloud.points_camera, CLEAN_SAMPLE)
    _, kept = _as_cloud(module, cloud.points_camera[sample]).remove_statistical_outlier(NEIGHBOURS, DEVIATIONS)
    good = np.zeros(len(sample), bool)
    good[np.asarray(kept, np.int64)] = True
    if len(sample) == len(cloud):
        return cloud[good]
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(cloud.points_camera[sample]).query(cloud.points_camera, k=1, workers=1)
    return cloud[np.asarray(good[nearest], bool)]


def thin(cloud: PointCloud, max_points: int) -> PointCloud:
    """At most `max_points` of the cloud's own points, evenly spread in space; a regular stride without Open3D."""
    if len(cloud) <= max_points:
        return cloud
    if max_points < 1:
        return cloud[np.empty(0, np.int64)]
    if _load()[0] is None:
        return cloud[_stride(len(cloud), max_points)]
    return cloud[_voxels(cloud.points_camera, max_points)]


def _voxels(points: Points, most: int) -> NDArray[np.int64]:
    """Places of at most `most` points, the first of each voxel; the voxel grows with distance, as pixels do."""
    n = len(points)
    if n <= most:
        return np.arange(n)
    # Perspective: (x/z, y/z, log z) has even pixel spacing, so far surfaces keep as many points as near ones.
    z = np.maximum(np.abs(points[:, 2]), 1e-6)
    even = np.column_stack([points[:, 0] / z, points[:, 1] / z, np.log(z)]) if (points[:, 2] > 0).all() else points
    low = even.min(0)
    span = float((even.max(0) - low).max()) or 1.0
    small, large = span * 1e-5, span
    best = _stride(n, most)
    for _ in range(18):
        size = float(np.sqrt(small * large))
        cells = ((even - low) / size).astype(np.int64)
        key = (cells[:, 0] * 2_097_152 + cells[:, 1]) * 2_097_152 + cells[:, 2]
        first = np.unique(key, return_index=True)[1]
        if len(first) <= most:
            best, large = np.sort(first), size
            if len(first) >= 0.9 * most:
                break
        else:
            small = size
    return np.asarray(best, np.int64)


def floor_plane(cloud: PointCloud) -> Plane | None:
    """The lowest large plane whose normal is within 45° of up (-y), or None.

    RANSAC with a fixed seed: planes through three points drawn low in the cloud; the one with most points
    near it and few below wins and is fitted again to its points.
    """
    points = cloud.points_camera[_stride(len(cloud), FLOOR_SAMPLE)].astype(np.float64)
    points = points[np.isfinite(points).all(1)]
    if len(points) < 50:
        return None
    reach = FLOOR_REACH * float(np.median(np.linalg.norm(points, axis=1)))
    low = points[points[:, 1] >= np.percentile(points[:, 1], 55)]
    plane = None if _load()[0] is None else _segmented(low, reach)
    if plane is None:
        plane = _drawn_plane(low, points, reach)
    return None if plane is None else _settled(plane, points, reach)


def _upward(normal: NDArray[np.float64], offset: float) -> tuple[NDArray[np.float64], float] | None:
    """Length 1 and pointing up; None when it leans too far."""
    length = float(np.linalg.norm(normal))
    if length < 1e-12:
        return None
    normal, offset = normal / length, offset / length
    if normal[1] > 0:
        normal, offset = -normal, -offset
    return (normal, offset) if -normal[1] >= np.cos(np.radians(FLOOR_TILT_DEG)) else None


def _segmented(low: NDArray[np.float64], reach: float) -> tuple[NDArray[np.float64], float] | None:
    """Open3D's plane through the low points, looked for three times where it leans too far."""
    module = _load()[0]
    rest = low
    for _ in range(3):
        if len(rest) < 50:
            return None
        module.utility.random.seed(7)
        # Certainty 1 makes it try every plane: stopping early, its threads give another plane each time.
        model, inside = _as_cloud(module, rest).segment_plane(reach, 3, TRIES, 1.0)
        plane = _upward(np.array(model[:3], np.float64), float(model[3]))
        if plane is not None:
            return plane
        away = np.ones(len(rest), bool)
        away[np.asarray(inside, np.int64)] = False
        rest = rest[away]
    return None


def _drawn_plane(
    low: NDArray[np.float64], points: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.float64], float] | None:
    """The same in NumPy."""
    rng = np.random.default_rng(7)
    judged = points[_stride(len(points), 3000)]
    best, best_score = None, 0.0
    for _ in range(TRIES):
        a, b, c = low[rng.choice(len(low), 3, replace=False)]
        normal = np.cross(b - a, c - a)
        plane = _upward(normal, -float(normal @ a))
        if plane is None:
            continue
        height = judged @ plane[0] + plane[1]
        score = float((np.abs(height) <= reach).mean() - (height < -3 * reach).mean())
        if score > best_score:
            best, best_score = plane, score
    return best


def _settled(plane: tuple[NDArray[np.float64], float], points: NDArray[np.float64], reach: float) -> Plane | None:
    """Fitted to all its points; None when they are too few."""
    normal, offset = plane
    for _ in range(3):
        near = points[np.abs(points @ normal + offset) <= reach]
        if len(near) < FLOOR_SHARE * len(points):
            return None
        middle = near.mean(0)
        axis = np.linalg.eigh(np.cov((near - middle).T))[1][:, 0]
        again = _upward(axis, -float(axis @ middle))
        if again is None:
            return None
        normal, offset = again
    share = float((np.abs(points @ normal + offset) <= reach).mean())
    x, y, z = (float(v) for v in normal)
    return Plane((x, y, z), float(offset), share)


def oriented_box(points: NDArray[np.floating[Any]]) -> OrientedBox:
    """The box of (N, 3) points, turned to fit: Open3D's smallest, or along the principal axes.

    Raises:
        ValueError: no points.
    """
    if not len(points):
        raise ValueError("An oriented box needs at least one point")
    exact: NDArray[np.float64] = np.asarray(points, np.float64)
    module = _load()[0]
    if module is not None and len(exact) >= 4:
        try:
            box = _as_cloud(module, exact[_stride(len(exact), 4000)]).get_minimal_oriented_bounding_box(robust=False)
            return _covering(exact, np.asarray(box.R, np.float64))
        except RuntimeError:  # flat or straight: no hull
            pass
    middle = exact.mean(0)
    axes = np.linalg.eigh((exact - middle).T @ (exact - middle))[1][:, ::-1]
    return _covering(exact, axes)


def _covering(points: NDArray[np.float64], axes: NDArray[np.float64]) -> OrientedBox:
    """The box along those axes round every point, longest axis first, right-handed."""
    left, _, right = np.linalg.svd(axes)  # Open3D's is a rotation only to 1e-8
    axes = left @ right
    along = points @ axes
    low, high = along.min(0), along.max(0)
    order = np.argsort(-(high - low), kind="stable")
    axes, low, high = axes[:, order].copy(), low[order], high[order]
    for k in (0, 1):  # a fixed sign: the largest component of each axis is positive
        if axes[np.argmax(np.abs(axes[:, k])), k] < 0:
            axes[:, k], low[k], high[k] = -axes[:, k], -high[k], -low[k]
    third = np.cross(axes[:, 0], axes[:, 1])
    if third @ axes[:, 2] < 0:
        low[2], high[2] = -high[2], -low[2]
    axes[:, 2] = third
    return OrientedBox(axes @ ((low + high) / 2), axes, high - low)
