"""Regions a person would call things, without a learned model; the person names them.

Small pieces of one colour (Felzenszwalb and Huttenlocher, 2004) are merged most alike first (Uijlings et al.,
"Selective Search", 2013). Each union met on the way is judged by how it stands out from what surrounds it.

Shapes: H, W of the picture; h, w of its reduced copy; N nodes of the merging tree; B bins of a histogram.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.engines.protocols import Detection, Image, Mask

WORK_SIDE: Final = 256
"""Longer side of the reduced copy, px."""
MOST: Final = 8
"""Proposals returned at most."""
SIZE: Final = (0.01, 0.45)
"""Share of the picture a thing covers."""
OVERLAP: Final = 0.5
"""Of two boxes that overlap more (intersection over union), the worse goes."""
WITHIN: Final = 0.75
"""A region with more than this share inside a better one goes too."""
BINS, FINE = 6, 9
"""Steps of L, a and b in the colour histograms: for merging, for judging."""
DEPTH_WEIGHT: Final = 60.0
"""Lab units a whole range of depth counts for."""
SHORTLIST: Final = 48
"""Nodes looked at closely."""

Floats = NDArray[np.float32]


class RegionProposals:
    """At most eight regions of one colour and depth that stand out, each with its mask; labels are left empty."""

    name = "proposals"
    version = "1"
    uses_labels = False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Size it works at, and how many it returns at most."""
        return {"work_side_px": WORK_SIDE, "most": MOST}

    def detect(self, image: Image, depth: DepthMap | None, labels: Sequence[str] = ()) -> list[Detection]:
        """Regions of an (H, W, 3) uint8 picture, best first; `labels` can't be used."""
        height, width = image.shape[:2]
        scale = min(1.0, WORK_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        if min(size) < 16:
            return []
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)
        far = None
        if depth is not None:
            far = cv2.resize(np.nan_to_num(depth.farness(), nan=1.0), size, interpolation=cv2.INTER_AREA)
        out = []
        for score, mask in _best(lab, far):
            full = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
            box = Box.around(full)
            if box is not None:
                out.append(Detection("", box, round(float(score), 3), full))
        return out


class NoObjects:
    """No objects: the person draws them."""

    name = "none"
    version = "1"
    uses_labels = False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Nothing can be set."""
        return {}

    def detect(self, image: Image, depth: DepthMap | None, labels: Sequence[str] = ()) -> list[Detection]:
        """Nothing."""
        return []


@dataclass(slots=True, eq=False)
class _Node:
    """A region: one piece, or the union of two nodes.

    Attributes:
        pieces: labels it is made of.
        area: px.
        histogram: (B,) share of its pixels in each colour bin.
        mean: (4,) Lab and depth on one scale.
        box: y0, x0, y1, x1 px, the last two exclusive.
        shared: neighbour node -> (length of their border in px, strength summed along it).
        frame: px along the frame's top, left, bottom and right side.
    """

    pieces: tuple[int, ...]
    area: int
    histogram: Floats
    mean: NDArray[np.float64]
    box: NDArray[np.int64]
    frame: NDArray[np.int64]
    shared: dict[int, tuple[float, float]] = field(default_factory=dict)


def _best(lab: Floats, far: Floats | None) -> list[tuple[float, Mask]]:
    """Score and (h, w) mask of the regions kept, best first."""
    smooth = cv2.GaussianBlur(lab, (0, 0), 0.8)
    features = np.dstack([smooth, (np.zeros_like(smooth[..., 0]) if far is None else far) * np.float32(DEPTH_WEIGHT)])
    pieces = _pieces(features)
    nodes = _tree(pieces, lab, features)
    total = pieces.size
    cheap = []
    for place, node in enumerate(nodes):
        share = node.area / total
        if SIZE[0] <= share <= SIZE[1] and (node.frame > 0).sum() < 3:
            cheap.append((_stand_out(node) * _shape(node, pieces.shape), place))
    cheap.sort(key=lambda item: (-item[0], item[1]))
    judged = []
    for first, place in cheap[:SHORTLIST]:
        mask = np.isin(pieces, nodes[place].pieces)
        judged.append((first * _contrast(mask, nodes[place], lab, far), place, mask))
    judged.sort(key=lambda item: (-item[0], item[1]))
    kept: list[tuple[float, Mask]] = []
    for score, _, mask in judged:
        whole = ndimage.binary_fill_holes(mask)
        if len(kept) < MOST and score > 0.02 and not any(_same(whole, other) for _, other in kept):
            kept.append((score, whole))
    top = kept[0][0] if kept else 1.0
    return [(min(1.0, score / max(top, 1e-6)) * 0.9, mask) for score, mask in kept if score > 0.2 * top]


def _pieces(features: Floats) -> NDArray[np.int64]:
    """(h, w) labels 0 to n - 1 of small pieces of one colour and depth."""
    from skimage.segmentation import felzenszwalb  # wakes when used

    least = max(20, features.shape[0] * features.shape[1] // 900)
    flat = features.reshape(-1, 4).astype(np.float64)
    flat -= flat.mean(0)
    _, axes = np.linalg.eigh(flat.T @ flat)  # it takes three channels: the strongest directions of the four
    strong = (flat @ axes[:, 1:]).reshape(*features.shape[:2], 3)
    labels = felzenszwalb(strong / 100, scale=60, sigma=0, min_size=least, channel_axis=-1)
    return np.asarray(np.unique(labels, return_inverse=True)[1], np.int64).reshape(labels.shape)


def _cells(lab: Floats, steps: int) -> NDArray[np.int64]:
    """(h, w) place of each pixel's colour in a histogram of steps³."""
    low, high = np.array([0.0, -60.0, -60.0]), np.array([100.001, 60.001, 60.001])
    cells = np.clip(((lab - low) / (high - low) * steps).astype(np.int64), 0, steps - 1)
    return np.asarray((cells[..., 0] * steps + cells[..., 1]) * steps + cells[..., 2], np.int64)


def _tree(pieces: NDArray[np.int64], lab: Floats, features: Floats) -> list[_Node]:
    """The pieces and every union of two, in the order they were made."""
    n = int(pieces.max()) + 1
    index, count = _cells(lab, BINS), BINS**3
    table = np.bincount(pieces.ravel() * count + index.ravel(), minlength=n * count).reshape(n, count).astype(np.float32)
    areas = np.bincount(pieces.ravel(), minlength=n)
    means = np.stack([np.bincount(pieces.ravel(), features[..., c].ravel(), n) for c in range(4)], 1) / areas[:, None]
    found = ndimage.find_objects(pieces + 1)
    h, w = pieces.shape
    sides = [np.bincount(line, minlength=n) for line in (pieces[0], pieces[:, 0], pieces[-1], pieces[:, -1])]
    nodes = [
        _Node(
            (i,), int(areas[i]), table[i] / areas[i], means[i],
            np.array([box[0].start, box[1].start, box[0].stop, box[1].stop]), np.array([side[i] for side in sides]),
        )
        for i, box in enumerate(found)
    ]  # fmt: skip
    for a, b, apart in (
        (pieces[:, :-1], pieces[:, 1:], np.linalg.norm(features[:, :-1] - features[:, 1:], axis=2)),
        (pieces[:-1], pieces[1:], np.linalg.norm(features[:-1] - features[1:], axis=2)),
    ):
        edge = a != b
        pair = np.minimum(a, b)[edge] * n + np.maximum(a, b)[edge]
        keys, inverse = np.unique(pair, return_inverse=True)
        lengths, strengths = np.bincount(inverse), np.bincount(inverse, np.minimum(apart[edge], 30) / 30)
        for key, length, strength in zip(keys.tolist(), lengths.tolist(), strengths.tolist(), strict=True):
            i, j = divmod(key, n)
            old = nodes[i].shared.get(j, (0.0, 0.0))
            nodes[i].shared[j] = nodes[j].shared[i] = (old[0] + length, old[1] + strength)
    alive = {
        (i, j): _alike(nodes[i], nodes[j], border, h * w) for i in range(n) for j, border in nodes[i].shared.items() if i < j
    }
    while alive:
        i, j = max(alive, key=lambda pair: (alive[pair], -pair[0], -pair[1]))
        union = _union(nodes, i, j)
        k = len(nodes)
        nodes.append(union)
        for gone in (i, j):
            for other in nodes[gone].shared:
                alive.pop((min(gone, other), max(gone, other)), None)
        for other, border in union.shared.items():
            for gone in (i, j):
                nodes[other].shared.pop(gone, None)
            nodes[other].shared[k] = border
            alive[(other, k)] = _alike(nodes[other], union, border, h * w)
    return nodes


def _alike(a: _Node, b: _Node, border: tuple[float, float], total: int) -> float:
    """How much two neighbours look like parts of one thing: colour, depth, a weak border, small, together compact."""
    colour = float(np.minimum(a.histogram, b.histogram).sum())
    apart = float(np.linalg.norm(a.mean - b.mean)) / 40
    low, high = np.minimum(a.box[:2], b.box[:2]), np.maximum(a.box[2:], b.box[2:])
    fill = 1 - (float(np.prod(high - low)) - a.area - b.area) / total
    small = 1 - (a.area + b.area) / total
    return colour - 0.8 * min(apart, 1.5) - 0.6 * border[1] / max(border[0], 1.0) + 0.9 * small + 0.6 * fill


def _union(nodes: list[_Node], i: int, j: int) -> _Node:
    """The node made of two."""
    a, b = nodes[i], nodes[j]
    area = a.area + b.area
    shared: dict[int, tuple[float, float]] = {}
    for other, (length, strength) in (*a.shared.items(), *b.shared.items()):
        if other not in (i, j):
            old = shared.get(other, (0.0, 0.0))
            shared[other] = (old[0] + length, old[1] + strength)
    box = np.concatenate([np.minimum(a.box[:2], b.box[:2]), np.maximum(a.box[2:], b.box[2:])])
    histogram = ((a.histogram * a.area + b.histogram * b.area) / area).astype(np.float32)
    mean = (a.mean * a.area + b.mean * b.area) / area
    return _Node(a.pieces + b.pieces, area, histogram, mean, box, a.frame + b.frame, shared)


def _stand_out(node: _Node) -> float:
    """Strength of its border, 0 to 1."""
    length = sum(v[0] for v in node.shared.values())
    return sum(v[1] for v in node.shared.values()) / length if length else 0.0


def _shape(node: _Node, shape: tuple[int, ...]) -> float:
    """Compact, not tiny, not cut off by the frame: 0 to 1."""
    tall, wide = (node.box[2:] - node.box[:2]).astype(float)
    extent = node.area / (tall * wide)
    length = sum(v[0] for v in node.shared.values()) + float(node.frame.sum())
    round_ = min(1.0, 4 * np.pi * node.area / max(length, 1.0) ** 2 * 2.2)
    share = node.area / (shape[0] * shape[1])
    large = min(1.0, (share / 0.08) ** 0.4)
    cut = float(node.frame @ (1.0, 1.0, 0.6, 1.0)) / max(length, 1.0)  # people are often cut off below
    middle = np.array([node.box[0] + node.box[2], node.box[1] + node.box[3]]) / 2 / np.array(shape) - 0.5
    corner = 0.6 if (node.frame > 0).sum() > 1 else 1.0
    central = 1 - 0.7 * float(np.abs(middle).max())
    return float(extent**0.5 * round_**0.35 * large * corner * central * (1 - 0.9 * min(1.0, 2.2 * cut)))


def _contrast(mask: Mask, node: _Node, lab: Floats, far: Floats | None) -> float:
    """How its colours and depth differ from those of a belt around it, 0 to 1."""
    reach = max(2, round(0.25 * np.sqrt(node.area)))
    y0, x0 = np.maximum(node.box[:2] - reach, 0)
    window = slice(y0, node.box[2] + reach), slice(x0, node.box[3] + reach)
    part = mask[window]
    belt = cv2.dilate(part.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)).astype(bool)
    belt &= ~ndimage.binary_fill_holes(part)
    if not belt.any():
        return 0.0
    index = _cells(lab[window], FINE)
    tables = [np.bincount(index[where], minlength=FINE**3).reshape(FINE, FINE, FINE) / where.sum() for where in (part, belt)]
    colour = 1 - float(np.minimum(*(ndimage.gaussian_filter(table, 0.6) for table in tables)).sum())
    if far is None:
        return colour
    nearer = float(np.median(far[window][belt]) - np.median(far[window][part]))
    stands_out = 1 - (1 - colour) * (1 - float(np.clip(1.5 * nearer, 0, 1)))
    return stands_out * (1 + float(np.clip(1.5 * nearer, -0.4, 0.4))) / 1.4


def _same(a: Mask, b: Mask) -> bool:
    """Two regions one of which is enough."""
    box_a, box_b = Box.around(a), Box.around(b)
    if box_a is None or box_b is None:
        return True
    both = int((a & b).sum())
    return box_a.iou(box_b) > OVERLAP or both > WITHIN * int(a.sum()) or both > WITHIN * int(b.sum())
