"""Masks as outlines a page can draw: short paths instead of pictures."""

from __future__ import annotations

import weakref

import numpy as np
from numpy.typing import NDArray
from skimage.measure import approximate_polygon, find_contours

MOST_RINGS = 60
"""Outlines kept of one mask, longest first."""
MOST_PIXELS = 400_000
"""A larger mask is traced at half its size, and so on."""
ROUGH = 12
"""So is one whose outlines are longer than this many px for each corner it may have."""
_kept: dict[tuple[int, int], tuple[weakref.ref[NDArray[np.bool_]], str]] = {}


def outline(mask: NDArray[np.bool_], most: int = 400) -> str:
    """An (H, W) mask as an SVG path in picture px, with holes (to be filled by even-odd); "" when it is empty.

    The outline is followed between pixels (marching squares) and simplified (Douglas and Peucker) until it has at most
    `most` corners; without need it stays within half a pixel. A frozen array is traced only once.
    """
    key = (id(mask), most)
    if not mask.flags.writeable and (found := _kept.get(key)) and found[0]() is mask:
        return found[1]
    path = _traced(mask, most)
    if not mask.flags.writeable:
        for old in [old for old, (array, _) in list(_kept.items()) if array() is None]:
            _kept.pop(old, None)
        _kept[key] = weakref.ref(mask), path
    return path


def _traced(mask: NDArray[np.bool_], most: int) -> str:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return ""
    y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    part, step = mask[y0:y1, x0:x1], 1
    while part.size > MOST_PIXELS or _edge(part) > ROUGH * most:
        part, step = _halved(part), step * 2
    part = np.pad(part, 1).astype(np.float32)
    rings = sorted(find_contours(part, 0.5), key=len, reverse=True)[:MOST_RINGS]
    tolerance = 0.3
    while True:
        short = [r for r in (approximate_polygon(ring, tolerance) for ring in rings) if len(r) > 3]
        if sum(map(len, short)) <= most:
            break
        tolerance *= 1.5
    if not short:  # too small to say more of it than where it is
        bottom, right = part.shape[0] - 1.5, part.shape[1] - 1.5
        short = [np.array([(0.5, 0.5), (0.5, right), (bottom, right), (bottom, 0.5), (0.5, 0.5)])]
    out = []
    for ring in short:
        points = [f"{x0 + (x - 0.5) * step:.1f} {y0 + (y - 0.5) * step:.1f}" for y, x in ring[:-1]]
        out.append("M" + "L".join(points) + "Z")
    return "".join(out)


def _edge(part: NDArray[np.bool_]) -> int:
    """How many pairs of neighbours differ: about the length of all outlines, px."""
    return int(np.count_nonzero(part[1:] != part[:-1]) + np.count_nonzero(part[:, 1:] != part[:, :-1]))


def _halved(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Two by two pixels as one, true where at least two of them are."""
    height, width = part.shape
    even = np.pad(part, ((0, height % 2), (0, width % 2)))
    return np.asarray(even.reshape(-(-height // 2), 2, -(-width // 2), 2).sum((1, 3)) >= 2)
