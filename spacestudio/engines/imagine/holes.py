"""Filling the place where something was: patches of the surroundings, coarse to fine.

After Wexler, Shechtman and Irani, "Space-Time Completion of Video", 2007: every patch touching the hole looks
like some patch outside it. The nearest patches are found exhaustively on a reduced copy; the full picture is
filled from the places found there, so texture stays sharp.

Shapes: H, W of the picture; h, w of a reduced crop; N targets, M sources.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacestudio.engines.protocols import Image, Mask

WORK_SIDE: Final = 112
"""Longer side of the crop at the finest reduced level, px."""
LEVELS: Final = (3.0, 1.7, 1.0)
"""How much smaller than that each level is, coarse first."""
ROUNDS: Final = (4, 3, 1)
"""Search-and-vote rounds at each level."""
RADII: Final = (1, 2, 2)
"""Patches are 2 radius + 1 px wide; small on the coarsest level, where narrow strips are known."""
TRUST: Final = 1.25
"""How much less a patch counts for each pixel it lies deeper in the hole."""
ROW_PULL, COLUMN_PULL = 1.6, 0.5
"""Cost of taking a patch from elsewhere, grey levels per 1/64 of the crop: ground stays with ground, sky with sky."""
MAX_SOURCES: Final = 4000
"""Patches searched; a regular subsample above that."""
SEAM: Final = 30.0
"""Grey levels at the rim of a hole beyond which a step is taken for an edge of the scene."""
BLOCK: Final = 14
"""Width of a block of texture, reduced px."""
STRIDE: Final = 7
"""From one block to the next."""
MAX_BLOCKS: Final = 2500
"""Blocks searched; a regular subsample above that."""

Floats = NDArray[np.float32]


def fill(image: Image, hole: Mask, usable: Mask) -> Image:
    """`image` (H, W, 3) with its `hole` (H, W) filled to match the `usable` pixels around; other pixels unchanged."""
    known = usable & ~hole
    if not hole.any():
        return image
    if known.sum() < 64:
        known = ~hole
        if not known.any():
            return np.full_like(image, 127)
    out = image.copy()
    pieces, count = ndimage.label(ndimage.binary_dilation(hole, iterations=3))
    for piece in range(1, count + 1):
        _fill_piece(out, hole & (pieces == piece), known)
    return out


def _fill_piece(out: Image, hole: Mask, known: Mask) -> None:
    """Fill one connected hole of `out` in place."""
    rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
    if not len(rows):
        return
    height, width = hole.shape
    for share in (0.7, 1.6, 50.0):  # look around until enough is known
        reach = max(16, round(share * max(rows[-1] - rows[0], columns[-1] - columns[0])))
        window = (
            slice(max(0, rows[0] - reach), min(height, rows[-1] + reach + 1)),
            slice(max(0, columns[0] - reach), min(width, columns[-1] + reach + 1)),
        )
        if known[window].mean() > 0.45:
            break
    crop, seen, gap = out[window], known[window], hole[window]
    found = _solve(crop, seen)
    filled = _evened(_at_full_size(crop, seen, gap, found), crop, seen, gap)
    soft = cv2.GaussianBlur(gap.astype(np.float32), (0, 0), 1.0)[..., None]
    soft = np.where(gap[..., None], np.maximum(soft, 0.5), 0)
    blended = crop * (1 - soft) + filled * soft
    crop[gap] = np.clip(np.rint(blended), 0, 255).astype(np.uint8)[gap]


def _evened(filled: Floats, crop: Image, seen: Mask, gap: Mask) -> Floats:
    """`filled` with slight steps of tone at the rim of the gap spread inwards; strong steps are edges and stay."""
    reach = max(2.0, 0.012 * max(gap.shape))

    def mean_near(values: Floats, where: Mask, sigma: float) -> Floats:
        weight = cv2.GaussianBlur(where.astype(np.float32), (0, 0), sigma)
        total = cv2.GaussianBlur(values * where[..., None], (0, 0), sigma)
        return np.asarray(total / np.maximum(weight, 1e-4)[..., None], np.float32)

    depth, (rows, columns) = ndimage.distance_transform_edt(~seen, return_indices=True)
    rim = gap & (depth <= 1.5)
    if not rim.any():
        return filled
    step = mean_near(crop.astype(np.float32), seen, reach) - mean_near(filled, gap & (depth <= 2 * reach), reach)
    size = np.abs(step).max(2, keepdims=True)
    step = np.asarray(step * np.exp(-((size / SEAM) ** 2)), np.float32)
    step = mean_near(step, rim, reach)[rows, columns]
    step = cv2.GaussianBlur(step, (0, 0), reach) * np.exp(-depth / (0.12 * max(gap.shape)))[..., None].astype(np.float32)
    return np.asarray(np.where(gap[..., None], filled + step, filled), np.float32)


def _solve(crop: Image, known: Mask) -> Floats:
    """The crop reduced and completed, (h, w, 3)."""
    k = max(1.0, max(known.shape) / WORK_SIDE)
    picture: Floats | None = None
    for level, radius, rounds in zip(LEVELS, RADII, ROUNDS, strict=True):
        size = max(8, round(known.shape[1] / k / level)), max(8, round(known.shape[0] / k / level))
        weight = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        colour = cv2.resize(crop * known[..., None].astype(np.float32), size, interpolation=cv2.INTER_AREA)
        colour /= np.maximum(weight, 1e-3)[..., None]
        gap = weight < 0.6
        if not gap.any():
            gap = weight < 1
        if gap.all():
            gap = weight < weight.max()
        if picture is None:
            start = np.clip(colour, 0, 255).astype(np.uint8)
            start[gap] = 0
            picture = cv2.inpaint(start, gap.astype(np.uint8), 3, cv2.INPAINT_TELEA).astype(np.float32)
        else:
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        picture[~gap] = colour[~gap]
        for turn in range(rounds):
            nearest, cost = _nearest(picture, gap, radius, turn)
            picture = _vote(picture, gap, nearest, cost, radius)
    assert picture is not None
    return picture


def _nearest(picture: Floats, gap: Mask, radius: int, turn: int) -> tuple[NDArray[np.int64], Floats]:
    """(h, w, 2) row and column of the known patch most like each patch touching the gap (elsewhere the pixel itself),
    and (h, w) its mean squared difference."""
    height, width = gap.shape
    padded = np.pad(picture, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    span = 2 * radius + 1
    patches = np.lib.stride_tricks.sliding_window_view(padded, (span, span), (0, 1)).reshape(height, width, -1)
    touching = ndimage.binary_dilation(gap, np.ones((span, span), bool))
    inner = np.zeros_like(gap)
    inner[radius : height - radius, radius : width - radius] = True
    clean = np.argwhere(~touching & inner)
    if not len(clean):
        clean = np.argwhere(~gap)
    step = -(-len(clean) // MAX_SOURCES)
    clean = clean[turn % step :: step]
    wanted = np.argwhere(touching)
    pull = np.array([ROW_PULL, COLUMN_PULL]) * np.sqrt(patches.shape[2]) * 64 / max(height, width)
    sources = np.concatenate([patches[tuple(clean.T)], clean * pull], 1).astype(np.float32)
    targets = np.concatenate([patches[tuple(wanted.T)], wanted * pull], 1).astype(np.float32)
    half = (sources**2).sum(1) / 2
    best = np.empty(len(targets), np.int64)
    for first in range(0, len(targets), 1024):
        best[first : first + 1024] = np.argmin(half - targets[first : first + 1024] @ sources.T, axis=1)
    places = np.moveaxis(np.indices((height, width)), 0, -1).astype(np.int64)
    places[tuple(wanted.T)] = clean[best]
    cost = np.zeros((height, width), np.float32)
    cost[tuple(wanted.T)] = ((targets - sources[best]) ** 2).mean(1)
    return places, cost


def _vote(picture: Floats, gap: Mask, places: NDArray[np.int64], cost: Floats, radius: int) -> Floats:
    """The picture with each gap pixel the mean of what the patches over it propose, likely ones most."""
    height, width = gap.shape
    at = np.argwhere(gap)
    typical = np.float32(np.percentile(cost[gap], 60) + 1)
    trust = (TRUST ** -ndimage.distance_transform_edt(gap)).astype(np.float32)
    total, mass = np.zeros((len(at), 3), np.float32), np.zeros((len(at), 1), np.float32)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            y, x = np.clip(at[:, 0] - dy, 0, height - 1), np.clip(at[:, 1] - dx, 0, width - 1)
            from_y = np.clip(places[y, x, 0] + at[:, 0] - y, 0, height - 1)
            from_x = np.clip(places[y, x, 1] + at[:, 1] - x, 0, width - 1)
            weight = (trust[y, x] * np.exp(-cost[y, x] / (2 * typical)) + np.float32(1e-6))[:, None]
            total += picture[from_y, from_x] * weight
            mass += weight
    out = picture.copy()
    out[gap] = total / mass
    return np.asarray(out, np.float32)


def _at_full_size(crop: Image, known: Mask, gap: Mask, found: Floats) -> Floats:
    """(H, W, 3) the crop completed at full size: colour from the reduced solution, detail laid over it in blocks.

    Each block is a piece of the known picture whose reduced copy looks like the solution there, so texture
    stays in one piece (Efros and Freeman, "Image Quilting", 2001); blocks used before cost more.
    """
    height, width = gap.shape
    h, w = found.shape[:2]
    ky, kx = height / h, width / w
    base = cv2.resize(found, (width, height), interpolation=cv2.INTER_CUBIC)
    if max(ky, kx) <= 1.0 or min(h, w) <= BLOCK:
        return np.asarray(np.where(gap[..., None], base, crop), np.float32)
    whole = cv2.resize(known.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA) > 0.995
    detail = crop.astype(np.float32) - base
    clear = np.lib.stride_tricks.sliding_window_view(whole, (BLOCK, BLOCK)).all((2, 3))
    clean = np.argwhere(clear)
    if not len(clean):
        return np.asarray(base, np.float32)
    step = -(-len(clean) // MAX_BLOCKS)
    clean = clean[::step]
    windows = np.lib.stride_tricks.sliding_window_view(found[:, :, :], (BLOCK, BLOCK), (0, 1))
    sources = windows[tuple(clean.T)].reshape(len(clean), -1)
    half = (sources**2).mean(1)
    unit = 64 / max(h, w)
    used = np.zeros(len(clean), np.float32)
    small_gap = cv2.resize(gap.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA) > 0
    total, mass = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 1), np.float32)
    typical = float(np.median(half)) * 0.002 + 4.0
    for y in range(0, h - BLOCK + STRIDE, STRIDE):
        for x in range(0, w - BLOCK + STRIDE, STRIDE):
            y, x = min(y, h - BLOCK), min(x, w - BLOCK)
            if not small_gap[y : y + BLOCK, x : x + BLOCK].any():
                continue
            wanted = windows[y, x].reshape(-1)
            apart = (ROW_PULL * unit * (clean[:, 0] - y)) ** 2 + (COLUMN_PULL * unit * (clean[:, 1] - x)) ** 2
            cost = half - 2 * (sources @ wanted) / len(wanted) + apart.astype(np.float32) + used
            best = int(np.argmin(cost))
            used[np.abs(clean - clean[best]).max(1) < BLOCK] += typical
            y0, x0 = round(y * ky), round(x * kx)
            tall, wide = min(round(BLOCK * ky), height - y0), min(round(BLOCK * kx), width - x0)
            sy, sx = min(round(clean[best, 0] * ky), height - tall), min(round(clean[best, 1] * kx), width - wide)
            ramp_y = np.sin(np.pi * (np.arange(tall) + 0.5) / tall) ** 6
            ramp_x = np.sin(np.pi * (np.arange(wide) + 0.5) / wide) ** 6
            weight = (ramp_y[:, None] * ramp_x[None, :]).astype(np.float32)[..., None] + np.float32(1e-6)
            total[y0 : y0 + tall, x0 : x0 + wide] += detail[sy : sy + tall, sx : sx + wide] * weight
            mass[y0 : y0 + tall, x0 : x0 + wide] += weight
    return np.asarray(np.where(gap[..., None], base + total / np.maximum(mass, 1e-6), crop), np.float32)
