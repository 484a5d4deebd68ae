"""Depth from what one picture shows, without a learned model: NumPy, SciPy and OpenCV only.

The chief cue is ground contact. Walking up a column of the picture, depth grows while the pixels look like
the ground at the bottom of the frame and stands still on whatever rises from it, so an upright thing has the
depth of the place where it touches the ground (Gibson 1950; Hoiem, Efros and Hebert, "Putting Objects in
Perspective", 2006). Position in the frame, contrast, colour, haze, texture and focus correct that, and every
cue is carried over surfaces of even colour and cut at edges, most of all upward. The result orders things;
its differences are no distances. Measured by `benchmarks/depth_order.py`.

Shapes: H, W of the picture; h, w of its reduced copy, of which every map here is made; K cues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

Box = tuple[float, float, float, float]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CueWeights:
    """Every constant of the estimate.

    How they were chosen. The *fitted* constants are, rounded, what `benchmarks/depth_order.py --fit`
    prints: a seeded search for the order of random pixel pairs in seven indoor sensor frames of three
    scenes (Redwood, 7-Scenes, slambook), scenes weighing alike, the mean of the best draws. That script
    also fits them leaving each scene out, which is the figure to quote. A weight near nought says that the
    cue did not help there. The *set* constants were chosen by hand, looking at those frames, at four
    further ones and at six photographs, so they are not held out.
    """

    # Fitted. First the weights of cue maps in [0, 1], larger is farther; they count relative to `contact`.
    contact: float = 1.0
    """Ground passed below this pixel in its column, carried over the thing that stands there. The unit."""
    row: float = 0.013
    """Height in the frame."""
    ceiling: float = 0.044
    """Nearness of the topmost rows, where a room has its ceiling."""
    lateral: float = 0.015
    """Nearness of the left and right border, where a room has its side walls."""
    cool: float = 0.051
    """Blue or grey rather than red or yellow: air and skylight."""
    pale: float = 0.011
    """A high dark channel (He, Sun and Tang, 2009): haze, daylight behind a window."""
    low_contrast: float = 0.082
    """Little local contrast: haze."""
    fine_texture: float = 0.102
    """Detail that is fine rather than coarse: the texture gradient."""
    blur: float = 0.003
    """Little detail at the finest scale: defocus behind the subject."""
    ground_tolerance: float = 0.176
    """Distance in Lab / 100, lightness counted at `lightness_share`, at which a pixel is 1/e ground."""
    ground_strip: float = 0.166
    """Share of the rows, from the bottom, that shows the ground's colours."""
    lightness_share: float = 0.6
    """What lightness counts beside colour, so that shadows stay ground."""
    stand_edge: float = 0.015
    """Step in Lab / 100 between neighbours that cuts their tie to 1/e: where one thing ends."""
    stand_upright: float = 21.6
    """How much stronger the ties are along a column than along a row: most things stand."""
    stand_on_ground: float = 0.073
    """Share of that tie between two ground pixels, which do lie at different depths."""
    stand_reach: float = 0.122
    """How far a depth carries along a row of even colour, as a share of the longer side."""
    stand_reach_ground: float = 0.075
    """The same on the ground, which knows its own depth better."""

    # Set.
    sky: float = 0.5
    """The weight of sky; no sensor frame has depth there, so none could choose it."""
    sky_blue: float = 0.06
    """How blue, in Lab / 100, a sky at least is; twice that is blue beyond doubt."""
    sky_light: float = 0.85
    """How light, in [0, 1], a colourless sky at least is."""
    sky_width: float = 0.6
    """Share of the top row that sky must take up; less is a window, a curtain or a wall."""
    work_side_px: int = 240
    """The longer side of the reduced copy."""
    ground_samples: int = 8
    """Colours taken from the ground strip, side by side."""
    ceiling_rows: float = 0.25
    """Share of the rows, from the top, in which `ceiling` works."""
    stand_floor: float = 0.001
    """What is left of a tie across the strongest edge, so that nothing floats free."""
    upsample_edge: float = 0.1
    """RGB distance in [0, 1] beyond which a reduced pixel says little about a full one."""
    clip_share: float = 0.005
    """Share of pixels clipped at either end when the result is stretched to [0, 1]."""
    region_space_px: int = 6
    """Spatial radius of the mean shift that finds the parts of a boxed thing, in reduced pixels."""
    region_colour: int = 20
    """Its colour radius, in 8-bit levels."""
    region_cut: float = 3.0
    """Two neighbours are one part below this distance in Lab."""
    box_inside: float = 0.8
    """Share of a region that must lie in a box for it to be the boxed thing entirely."""
    box_filled: float = 0.4
    """Below this share of a box filled by its regions, the whole box is taken."""
    box_foot: float = 0.04
    """Height of the strip at a box's bottom edge that shows its contact, as a share of the rows."""


CUES: Final = (
    "contact", "row", "ceiling", "lateral", "cool", "pale", "low_contrast", "fine_texture", "blur", "sky",
)  # fmt: skip
"""The names of the cue maps, each also a weight of `CueWeights`."""

SHIPPED: Final = CueWeights()
"""The constants in use unless others are given."""


@dataclass(frozen=True, slots=True, eq=False)
class CueMaps:
    """What one picture shows, before it is weighed: made once, combined often."""

    maps: NDArray[np.float64]
    """(K, h, w) in [0, 1], larger is farther, in the order of `CUES`."""
    likeness: NDArray[np.float64]
    """(h, w) in (0, 1], 1 where a pixel has exactly a colour of the ground."""
    small: NDArray[np.uint8]
    """(h, w, 3) the reduced picture, RGB."""


def estimate_farness(
    image: NDArray[np.uint8], boxes_xyxy_px: Sequence[Box] = (), *, weights: CueWeights = SHIPPED
) -> Floats:
    """How far each pixel is, compared with the others of the same picture.

    Args:
        image: (H, W, 3) uint8 RGB, H and W at least 1.
        boxes_xyxy_px: x0, y0, x1, y1 of upright things, in pixels of `image`, in any order; each takes the
            depth of its bottom edge. Parts outside the picture are cut off; an empty box changes nothing.
        weights: the constants.

    Returns:
        (H, W) float32 in [0, 1]: 0 nearest, 1 farthest. No unit: only the order means something. A picture
        without any depth at all (one pixel) is 0.5.

    Raises:
        ValueError: `image` is not (H, W, 3) uint8 or is empty; a box is not finite.
    """
    cues = cue_maps(image, weights)
    return finish(image, cues, combine(cues, weights), boxes_xyxy_px, weights)


def cue_maps(image: NDArray[np.uint8], weights: CueWeights = SHIPPED) -> CueMaps:
    """Every cue of `image`, (H, W, 3) uint8 RGB, on a copy of at most `work_side_px`; ValueError as above.

    Of `weights` only the constants outside `CUES` matter.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(f"image must be (H, W, 3) uint8 RGB with H, W >= 1, got {image.shape} {image.dtype}")
    small = _reduced(image, weights.work_side_px)
    height, width = small.shape[:2]
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2Lab).astype(np.float64) / 100.0
    light = lab[..., 0]
    down = np.broadcast_to(np.linspace(0.0, 1.0, height)[:, None], (height, width))
    across = np.broadcast_to(np.linspace(-1.0, 1.0, width)[None, :], (height, width))
    likeness = _ground_likeness(lab, weights)
    ground = np.cumsum(likeness[::-1], axis=0)[::-1] / height
    fine = _blurred(np.abs(light - _blurred(light, 1.0)), 6.0)
    coarse = _blurred(np.abs(_blurred(light, 1.0) - _blurred(light, 3.0)), 8.0)
    spread = np.sqrt(np.maximum(_blurred(light**2, 8.0) - _blurred(light, 8.0) ** 2, 0.0))
    dark = cv2.erode(small.min(axis=2), np.ones((9, 9), np.uint8)).astype(np.float64) / 255.0
    found = {
        "contact": ground,
        "sky": _sky(lab, weights),
        "row": 1.0 - down,
        "ceiling": np.minimum(down / weights.ceiling_rows, 1.0),
        "lateral": 1.0 - across**2,
        "cool": 0.5 - 0.5 * (lab[..., 1] + lab[..., 2]),
        "pale": dark,
        "low_contrast": 1.0 - 4.0 * spread,
        "fine_texture": 0.5 + np.log((fine + 0.004) / (coarse + 0.004)) / 4.0,
        "blur": 1.0 - 20.0 * _detail(image, (height, width)),
    }
    return CueMaps(
        _carried(np.stack([np.clip(found[name], 0.0, 1.0) for name in CUES]), likeness, lab, weights),
        likeness,
        small,
    )


def combine(cues: CueMaps, weights: CueWeights = SHIPPED) -> NDArray[np.float64]:
    """(h, w) farness before smoothing: the mean of the cue maps by their weights, in [0, 1]."""
    share = np.array([getattr(weights, name) for name in CUES], dtype=np.float64)
    return np.asarray(np.tensordot(share / max(float(share.sum()), 1e-9), cues.maps, axes=1))


def finish(
    image: NDArray[np.uint8],
    cues: CueMaps,
    farness: NDArray[np.float64],
    boxes_xyxy_px: Sequence[Box] = (),
    weights: CueWeights = SHIPPED,
) -> Floats:
    """Set the boxed things down in `farness` (h, w), stretch it to [0, 1] and bring it to (H, W)."""
    low, high = np.quantile(farness, [weights.clip_share, 1.0 - weights.clip_share])
    boxed = _set_down(farness, cues, boxes_xyxy_px, image.shape[:2], weights) if boxes_xyxy_px else farness
    span = float(high - low)
    scaled = np.clip((boxed - low) / span, 0.0, 1.0) if span > 1e-9 else np.full_like(boxed, 0.5)
    return _upsampled(scaled.astype(np.float32), cues.small, image, weights)


def _reduced(image: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """(h, w, 3): `image` with its longer side at most `side_px`, never enlarged."""
    height, width = image.shape[:2]
    scale = min(1.0, side_px / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8).reshape(size[1], size[0], 3)


def _blurred(values: NDArray[np.float64], sigma_px: float) -> NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), dtype=np.float64).reshape(values.shape)


def _calm(lab: NDArray[np.float64], sigma_px: float) -> NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(lab, (0, 0), sigma_px), dtype=np.float64).reshape(lab.shape)


def _detail(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.float64]:
    """(h, w) mean absolute Laplacian of the full picture's grey, in [0, 4]: what only sharp pixels have."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    sharp = np.abs(cv2.Laplacian(grey, cv2.CV_32F).reshape(grey.shape)) / np.float32(255.0)
    small = cv2.resize(sharp, size_hw[::-1], interpolation=cv2.INTER_AREA).reshape(size_hw)
    return _blurred(small.astype(np.float64), 6.0)


def _ground_likeness(lab: NDArray[np.float64], weights: CueWeights) -> NDArray[np.float64]:
    """(h, w) in (0, 1]: how near each pixel is to a colour of the bottom strip; `lab` is Lab / 100."""
    height, width = lab.shape[:2]
    calm = _calm(lab, 1.0) * (weights.lightness_share, 1.0, 1.0)
    strip = calm[min(height - 1, int((1.0 - weights.ground_strip) * height)) :]
    parts = np.array_split(strip, min(weights.ground_samples, width), axis=1)
    nearest = np.full((height, width), np.inf)
    for part in parts:
        np.minimum(nearest, ((calm - part.mean(axis=(0, 1))) ** 2).sum(axis=2), out=nearest)
    return np.exp(-nearest / weights.ground_tolerance**2)


def _regions(small: NDArray[np.uint8], weights: CueWeights) -> NDArray[np.int64]:
    """(h, w) labels of pieces of even colour: mean shift, then neighbours joined below `region_cut`."""
    height, width = small.shape[:2]
    if min(height, width) < 2:
        return np.zeros((height, width), np.int64)
    flat = cv2.pyrMeanShiftFiltering(small, weights.region_space_px, weights.region_colour, maxLevel=1)
    lab = cv2.cvtColor(flat.astype(np.float32) / 255.0, cv2.COLOR_RGB2Lab)
    index = np.arange(height * width).reshape(height, width)
    beside = np.linalg.norm(np.diff(lab, axis=1), axis=2) < weights.region_cut
    below = np.linalg.norm(np.diff(lab, axis=0), axis=2) < weights.region_cut
    first = np.concatenate([index[:, :-1][beside], index[:-1][below]])
    second = np.concatenate([index[:, 1:][beside], index[1:][below]])
    links = coo_matrix((np.ones(first.size, bool), (first, second)), shape=(index.size, index.size))
    _, labels = connected_components(links, directed=False)
    return np.asarray(labels, dtype=np.int64).reshape(height, width)


def _carried(
    cues: NDArray[np.float64], likeness: NDArray[np.float64], lab: NDArray[np.float64], weights: CueWeights
) -> NDArray[np.float64]:
    """(K, h, w) `cues` carried over things: even within an edge, most of all upward, and cut at the edges.

    The least-squares problem  sum reach^-2 (z - cue)^2 + sum tie (z_p - z_q)^2  over neighbours p and q
    (Levin, Lischinski and Weiss, "Colorization Using Optimization", 2004). The tie from ground to what stands
    on it is kept whole whatever the edge: that is the contact. It is linear in the cue, so weighing the
    carried cues is carrying the weighed ones.
    """
    height, width = likeness.shape
    calm = _calm(lab, 1.0)
    below = np.exp(-np.linalg.norm(np.diff(calm, axis=0), axis=2) / weights.stand_edge) + weights.stand_floor
    beside = np.exp(-np.linalg.norm(np.diff(calm, axis=1), axis=2) / weights.stand_edge) + weights.stand_floor
    below = np.maximum(below, likeness[1:] - likeness[:-1])
    both_ground = np.minimum(likeness[1:], likeness[:-1])
    below *= weights.stand_upright * (1.0 - (1.0 - weights.stand_on_ground) * both_ground)
    side = max(height, width)
    trust = 1.0 / (weights.stand_reach * side) ** 2
    trust = trust + likeness * (1.0 / (weights.stand_reach_ground * side) ** 2 - trust)
    diagonal = trust.copy()
    diagonal[1:] += below
    diagonal[:-1] += below
    diagonal[:, 1:] += beside
    diagonal[:, :-1] += beside
    index = np.arange(height * width).reshape(height, width)
    ties = np.concatenate([below.ravel(), beside.ravel()])
    first = np.concatenate([index[:-1].ravel(), index[:, :-1].ravel()])
    second = np.concatenate([index[1:].ravel(), index[:, 1:].ravel()])
    rows = np.concatenate([index.ravel(), first, second])
    columns = np.concatenate([index.ravel(), second, first])
    system = coo_matrix((np.concatenate([diagonal.ravel(), -ties, -ties]), (rows, columns))).tocsc()
    solver = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    flat = (trust * cues).reshape(len(cues), -1)
    return np.asarray(solver.solve(np.ascontiguousarray(flat.T)).T, dtype=np.float64).reshape(cues.shape)


def _sky(lab: NDArray[np.float64], weights: CueWeights) -> NDArray[np.float64]:
    """(h, w) in [0, 1]: bluish or bright and colourless, even, and so from the top edge down to here."""
    calm = _calm(lab, 2.0)
    light, red, yellow = calm[..., 0], calm[..., 1], calm[..., 2]
    blue = np.clip((-yellow - weights.sky_blue) / weights.sky_blue, 0.0, 1.0) * np.clip(light / 0.3 - 1.0, 0.0, 1.0)
    white = np.clip((light - weights.sky_light) / 0.1, 0.0, 1.0) * np.clip(2.0 - np.hypot(red, yellow) / 0.05, 0.0, 1.0)
    sky = np.maximum(blue, white)
    wide = float(sky[0].mean()) >= weights.sky_width
    return np.minimum.accumulate(sky, axis=0) if wide else np.zeros_like(sky)


def _set_down(
    farness: NDArray[np.float64],
    cues: CueMaps,
    boxes_xyxy_px: Sequence[Box],
    size_hw: tuple[int, int],
    weights: CueWeights,
) -> NDArray[np.float64]:
    """(h, w) `farness` with each boxed thing at the farness of its foot, nearer things over farther ones.

    A thing is made of the regions lying in its box; where those are too few, it is the whole box. What is
    below the box may be no ground but something nearer that hides the foot: the less it looks like ground,
    the more a thing keeps its own farness, if that is greater.
    """
    height, width = farness.shape
    things: list[tuple[float, tuple[slice, slice], NDArray[np.float64]]] = []
    regions = _regions(cues.small, weights)
    sizes = np.bincount(regions.ravel())
    for box in boxes_xyxy_px:
        corners = np.asarray(box, dtype=np.float64)
        if corners.shape != (4,) or not np.isfinite(corners).all():
            raise ValueError(f"a box is four finite numbers x0, y0, x1, y1 in pixels, got {box!r}")
        cut = np.clip(corners, 0.0, (size_hw[1], size_hw[0]) * 2)
        if cut[2] <= cut[0] or cut[3] <= cut[1]:
            continue
        cut *= np.tile((width / size_hw[1], height / size_hw[0]), 2)
        x0, y0 = np.floor(cut[:2]).astype(int)
        x1, y1 = np.ceil(cut[2:]).astype(int)
        inside = (slice(y0, y1), slice(x0, x1))
        labels = regions[inside]
        share = np.bincount(labels.ravel(), minlength=sizes.size) / sizes
        body = np.clip(share[labels] / weights.box_inside, 0.0, 1.0)
        if float(body.mean()) < weights.box_filled:
            body = np.ones_like(body)
        strip = max(1, round(weights.box_foot * height))
        first = min(y1, height - 1)
        margin = (x1 - x0) // 8
        below = (slice(first, first + strip), slice(x0 + margin, max(x0 + margin + 1, x1 - margin)))
        contact, own = float(np.median(farness[below])), float(np.median(farness[inside]))
        seen = 1.0 if y1 >= height else float(np.median(cues.likeness[below]))
        things.append((contact + (1.0 - seen) * max(own - contact, 0.0), inside, body))
    result = farness.copy()
    for foot, inside, body in sorted(things, key=lambda thing: -thing[0]):
        result[inside] += body * (foot - result[inside])
    return result


def _upsampled(values: Floats, small: NDArray[np.uint8], image: NDArray[np.uint8], weights: CueWeights) -> Floats:
    """(H, W) `values` (h, w), each pixel a mean of its 3 x 3 reduced neighbours, those of its colour most.

    Kopf et al., "Joint Bilateral Upsampling", 2007. A mean of values, so the range is kept.
    """
    height, width = image.shape[:2]
    if values.shape == (height, width):
        return values
    colour = image.astype(np.float32) / np.float32(255.0)
    scale_y, scale_x = values.shape[0] / height, values.shape[1] / width
    at_y = (np.arange(height, dtype=np.float32) + np.float32(0.5)) * np.float32(scale_y) - np.float32(0.5)
    at_x = (np.arange(width, dtype=np.float32) + np.float32(0.5)) * np.float32(scale_x) - np.float32(0.5)
    near_y, near_x = np.rint(at_y).astype(int), np.rint(at_x).astype(int)
    guide = small.astype(np.float32) / np.float32(255.0)
    total = np.zeros((height, width), np.float32)
    mass = np.zeros((height, width), np.float32)
    edge = np.float32(-1.0 / weights.upsample_edge**2)
    for dy in (-1, 0, 1):
        rows = np.clip(near_y + dy, 0, values.shape[0] - 1)
        close_y = np.exp(-((near_y + dy - at_y) ** 2))
        for dx in (-1, 0, 1):
            columns = np.clip(near_x + dx, 0, values.shape[1] - 1)
            close = close_y[:, None] * np.exp(-((near_x + dx - at_x) ** 2))[None, :]
            apart = colour - guide[rows][:, columns]
            weight = close * (np.exp(edge * np.einsum("hwc,hwc->hw", apart, apart)) + np.float32(1e-4))
            total += weight * values[rows][:, columns]
            mass += weight
    return np.asarray(np.clip(total / mass, 0.0, 1.0), dtype=np.float32)
