"""Masks inside boxes without a learned model: GrabCut (Rother et al., 2004) that also looks at depth.

Shapes: H, W of the picture; h, w of a box's padded crop, reduced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.engines.protocols import Image, Mask

WORK_SIDE: Final = 192
"""Longer side of a box's padded crop while it is cut, px."""
MARGIN: Final = 0.2
"""Background seen around a box, as a share of its longer side."""
ROUNDS: Final = 2
"""GrabCut iterations."""
LEAST, MOST = 0.1, 0.98
"""A mask covering less or more of its box gives way to the ellipse in it."""
CRUMB: Final = 0.06
"""Pieces smaller than this share of the largest are dropped."""
SEPARATE: Final = 0.85
"""Share of the variance of depth two halves must explain before depth draws the first outline; a ramp has 0.75."""
REACH: Final = 0.92
"""A mask must come this near to each side of its box, as a share of the box."""
LIKELY: Final = -0.3
"""Least mean log-odds of a way to a side."""
INFORMATIVE: Final = 0.08
"""Farness an object must differ from what surrounds it for depth to be used."""


class GrabCut:
    """Colour, and depth where it tells the object from its surroundings, cut inside each box."""

    name = "grabcut"
    version = "1"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Size it works at and iterations."""
        return {"work_side_px": WORK_SIDE, "rounds": ROUNDS}

    def segment(self, image: Image, depth: DepthMap | None, boxes: Sequence[Box]) -> list[Mask]:
        """One (H, W) bool mask per box, never empty, inside its box."""
        farness = None if depth is None else _whole(depth.farness())
        return [_cut(image, farness, box) for box in boxes]


class BoxMask:
    """The box itself."""

    name = "box"
    version = "1"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Nothing can be set."""
        return {}

    def segment(self, image: Image, depth: DepthMap | None, boxes: Sequence[Box]) -> list[Mask]:
        """One (H, W) bool mask per box: every pixel it touches."""
        height, width = image.shape[:2]
        out = []
        for box in boxes:
            mask = np.zeros((height, width), bool)
            mask[box.slices(width, height)] = True
            out.append(mask)
        return out


def _whole(farness: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """`farness` with its holes filled from the nearest valid pixel; None when nothing is valid."""
    missing = ~np.isfinite(farness)
    if missing.all():
        return None
    if missing.any():
        rows, columns = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
        farness = farness[rows, columns]
    return farness


def _cut(image: Image, farness: NDArray[np.float32] | None, box: Box) -> Mask:
    """The mask of one box."""
    height, width = image.shape[:2]
    rows, columns = box.slices(width, height)
    own_h, own_w = rows.stop - rows.start, columns.stop - columns.start
    pad = max(4, round(MARGIN * max(own_h, own_w)))
    y0, y1 = max(0, rows.start - pad), min(height, rows.stop + pad)
    x0, x1 = max(0, columns.start - pad), min(width, columns.stop + pad)
    scale = min(1.0, WORK_SIDE / max(y1 - y0, x1 - x0))
    size = max(2, round((x1 - x0) * scale)), max(2, round((y1 - y0) * scale))
    crop = cv2.resize(image[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)
    far = None if farness is None else cv2.resize(farness[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)
    sx, sy = size[0] / (x1 - x0), size[1] / (y1 - y0)
    inner = Box((columns.start - x0) * sx, (rows.start - y0) * sy, (columns.stop - x0) * sx, (rows.stop - y0) * sy)
    small = _cut_small(crop, far, inner)
    mask = np.zeros((height, width), bool)
    soft = cv2.resize(small.astype(np.float32), (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
    mask[y0:y1, x0:x1] = soft > 0.5
    outside = np.ones_like(mask)
    outside[rows, columns] = False
    mask[outside] = False
    share = mask[rows, columns].mean()
    if not LEAST <= share <= MOST:
        mask[rows, columns] = ellipse(own_h, own_w)
    return mask


def ellipse(height: int, width: int, power: float = 2.6) -> Mask:
    """(height, width) bool: the rounded shape filling a box; touches its four sides."""
    y = np.abs((np.arange(height) + 0.5) / height * 2 - 1)[:, None]
    x = np.abs((np.arange(width) + 0.5) / width * 2 - 1)[None, :]
    shape = y**power + x**power <= 1
    shape[height // 2, :] = True
    shape[:, width // 2] = True
    return shape


def _cut_small(crop: Image, far: NDArray[np.float32] | None, inner: Box) -> Mask:
    """(h, w) mask of the thing in `inner`, all at the reduced size: the best of three cuts."""
    height, width = crop.shape[:2]
    window = inner.slices(width, height)
    inside = np.zeros((height, width), bool)
    inside[window] = True
    rounded, core = np.zeros_like(inside), np.zeros_like(inside)
    rounded[window] = ellipse(*inside[window].shape)
    core[window] = _core(*inside[window].shape)
    features = cv2.cvtColor(crop, cv2.COLOR_RGB2Lab)
    prior = rounded.copy()
    if far is not None:
        at_depth = _at_object_depth(far, inside, rounded)
        if at_depth is not None:
            features = _with_depth(features, far)
            if at_depth[1]:
                prior &= at_depth[0]
                core &= at_depth[0]
    odds = _odds(features, inside)
    own = odds > 0
    sure = ~inside
    if not sure.any():  # the box is the whole picture: its corners are background
        sure = ~ellipse(height, width, 6.0)
    best, best_score = prior, -1.0
    for seeds, likely in ((core & own, prior & own), (None, prior & own), (None, prior)):
        labels = np.where(inside, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
        labels[likely] = cv2.GC_PR_FGD
        if seeds is not None:
            labels[seeds] = cv2.GC_FGD
        labels[sure] = cv2.GC_BGD
        found = _tidy(_grabcut(features, labels) & inside) & inside
        if found.any() and _plausible(found, window) < REACH:
            limbs = _limbs(found, odds, window) & ~sure
            labels = np.where(inside & ~sure, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
            labels[found] = cv2.GC_PR_FGD
            labels[limbs | ndimage.binary_erosion(found, iterations=2)] = cv2.GC_FGD
            found = _tidy((_grabcut(features, labels) | limbs) & inside) & inside
        score = _plausible(found, window)
        if score > best_score + 0.05:
            best, best_score = found, score
        if best_score > REACH:
            break
    return best


def _limbs(found: Mask, odds: NDArray[np.float32], window: tuple[slice, slice]) -> Mask:
    """(h, w) bool: the likeliest ways from a mask to the sides of the box it does not reach, three pixels wide.

    A box drawn around a thing touches it on four sides (Lempitsky et al., "Image Segmentation with a Bounding
    Box Prior", 2009).
    """
    part = found[window]
    height, width = part.shape
    cost = np.exp(-0.8 * np.clip(odds[window], -3, 3)) + 0.05
    walk = MCP_Geometric(cost)
    starts = np.argwhere(part)
    reached, _ = walk.find_costs(starts[:: max(1, len(starts) // 400)])
    ways = np.zeros_like(part)
    box = Box.around(part)
    if box is not None:
        for gap, line in (
            (box.x0 / width, [(y, 0) for y in range(height)]),
            (1 - box.x1 / width, [(y, width - 1) for y in range(height)]),
            (box.y0 / height, [(0, x) for x in range(width)]),
            (1 - box.y1 / height, [(height - 1, x) for x in range(width)]),
        ):
            if gap > 1 - REACH:
                end = min(line, key=lambda at: reached[at])
                way = tuple(np.array(walk.traceback(end)).T)
                if odds[window][way].mean() > LIKELY:
                    ways[way] = True
    out = np.zeros_like(found)
    out[window] = ndimage.binary_dilation(ways)
    return out


def _grabcut(features: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Mask:
    """(h, w) foreground after `ROUNDS`; empty when one side has too few pixels."""
    cv2.setRNGSeed(7)  # its k-means draws
    try:
        labels, *_ = cv2.grabCut(features, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return np.zeros(labels.shape, bool)
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), bool)


def _core(height: int, width: int) -> Mask:
    """(height, width) bool: the middle of a box, where the thing almost surely is."""
    y = ((np.arange(height) + 0.5) / height * 2 - 1)[:, None]
    x = ((np.arange(width) + 0.5) / width * 2 - 1)[None, :]
    return np.asarray((y / 0.6) ** 2 + (x / 0.3) ** 2 <= 1, bool)


def _odds(features: NDArray[np.uint8], inside: Mask) -> NDArray[np.float32]:
    """(h, w) log of how much commoner a pixel's colour is in the box than around it."""
    bins = (features // 24).astype(np.int32) @ np.array([121, 11, 1])
    tables = []
    for where in (inside, ~inside):
        table = np.bincount(bins[where], minlength=11**3).reshape(11, 11, 11).astype(np.float32)
        tables.append(ndimage.gaussian_filter(table / max(1.0, float(table.sum())), 0.7) + 1e-5)
    return np.asarray(np.log(tables[0] / tables[1]).ravel()[bins], np.float32)


def _plausible(mask: Mask, window: tuple[slice, slice]) -> float:
    """How well a mask fills its box, 0 to 1: the worst reach to a side, nothing for too little or too much."""
    part = mask[window]
    box = Box.around(part)
    if box is None or not LEAST <= part.mean() <= MOST:
        return 0.0
    height, width = part.shape
    gaps = box.x0 / width, box.y0 / height, 1 - box.x1 / width, 1 - box.y1 / height
    return float(1.0 - max(gaps))


def _at_object_depth(far: NDArray[np.float32], inside: Mask, rounded: Mask) -> tuple[Mask, bool] | None:
    """Pixels of the box at the depth of its middle, and whether depth falls into two clear halves there.

    None when that depth is the surroundings' too.
    """
    middle = ndimage.binary_erosion(rounded, iterations=max(1, int(min(far.shape) * 0.08)))
    core = float(np.median(far[middle if middle.any() else rounded]))
    ring = far[~inside]
    if not ring.size or abs(float(np.median(ring)) - core) < INFORMATIVE:
        return None
    reach = max(INFORMATIVE, 0.6 * abs(float(np.median(ring)) - core))
    near = np.abs(far - core) <= reach
    other = far[~near]
    within = near.mean() * float(far[near].var()) + (~near).mean() * (float(other.var()) if other.size else 0.0)
    clear = within < (1 - SEPARATE) * float(far.var()) and (near & rounded).sum() >= 0.25 * rounded.sum()
    return near, bool(clear)


def _with_depth(lab: NDArray[np.uint8], far: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The three strongest directions of colour and depth together, (h, w, 3) uint8."""
    flat = np.concatenate([lab.reshape(-1, 3).astype(np.float32), far.reshape(-1, 1) * 120], 1)
    flat -= flat.mean(0)
    _, axes = np.linalg.eigh(flat.T @ flat / len(flat))
    out = flat @ axes[:, ::-1][:, :3]
    return np.asarray(np.clip(out + 128, 0, 255).reshape(*far.shape, 3), np.uint8)


def _tidy(mask: Mask) -> Mask:
    """Crumbs dropped, small gaps closed, holes filled."""
    closed = ndimage.binary_closing(np.pad(mask, 2), iterations=1)[2:-2, 2:-2] | mask
    opened = ndimage.binary_opening(closed, iterations=1)
    kept = opened if opened.any() else closed
    pieces, count = ndimage.label(kept)
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        kept = (sizes >= CRUMB * sizes.max())[pieces]
    return np.asarray(ndimage.binary_fill_holes(kept), bool)
