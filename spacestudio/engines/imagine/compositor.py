"""Layout -> picture without a model: cut-outs of the source photo and drawn pictograms, back to front.

What is drawn where is known exactly, so boxes, visible masks and depth come with the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import FAR_NEAR_RATIO, DepthMap, DepthStats
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.engines.imagine import backdrop, holes, pictograms
from spacestudio.engines.protocols import Image, Mask, Rendered, Source

BEHIND: Final = 1.02
"""What stands behind a thing is at least this much farther."""
GAP: Final = 0.1
"""Farness by which neighbours in the order differ at least; in front of holds at every far/near ratio then."""
SAME_PX: Final = 0.5
"""A box moved by less stays where it was."""
SHADE: Final = 0.04
"""How far below a standing thing its contact shadow is cleared, as a share of its height."""
CARRIES: Final = 0.3
"""Share of a hole's rim an object must make up to count as what lies behind the hole."""
HALO: Final = 0.016
"""What is cleared around a thing that leaves, as a share of the canvas's longer side."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Piece:
    """One object ready to be placed.

    Attributes:
        name: what it is.
        rgb: (h, w, 3) float32.
        alpha: (h, w) float32 in [0, 1].
        x, y: of its top left corner on the canvas, px.
        distance: (h, w) from the source, or None.
        shadow: how dark it is where it touches what carries it, 0 for none.
        origin: the source's object it was cut from, or None when drawn.
    """

    name: str
    rgb: Floats
    alpha: Floats
    x: int
    y: int
    distance: Floats | None = None
    shadow: float = 0.0
    origin: SceneObject | None = None


class Compositor:
    """Places cut-outs of the photo and pictograms by the layout."""

    name = "compositor"
    version = "1"

    @staticmethod
    def aspects() -> dict[str, float]:
        """Label -> width / height of what it draws, for labels it has a drawing for."""
        return pictograms.aspects()

    @property
    def settings(self) -> Mapping[str, Any]:
        """Nothing can be set."""
        return {}

    def render(self, layout: Layout, source: Source | None = None, seed: int = 0) -> Rendered:
        """Draw the layout; same layout, source and seed give the same bytes."""
        notes: list[str] = []
        kept: dict[str, SceneObject] = {}
        moved: set[str] = set()
        leaving: list[SceneObject] = []
        if source is None:
            plate = backdrop.paint(layout.width, layout.height, _place(layout), _horizon(layout), seed)
            base = distance = None
        else:
            source = _at_size(source, layout.width, layout.height)
            base = distance = None if source.depth is None else _distance(source.depth)
            kept = {o.id: o for o in source.objects if o.id in layout.boxes and layout.names.get(o.id, o.name) == o.name}
            moved = {i for i, o in kept.items() if not _same_box(o.box, layout.boxes[i])}
            moved |= _brought_forward(layout, kept, base)
            leaving = [o for o in source.objects if o.id not in kept or o.id in moved]
            plate, base = _cleared(source, base, leaving)
        pieces: dict[str, _Piece] = {}
        for name in layout.order:
            if name in kept and source is not None:
                o, at = kept[name], layout.boxes[name]
                if name in moved:
                    pieces[name] = _cut_out(source, distance, o, at)
                else:
                    pieces[name] = _as_it_is(source, distance, o, _lay_on(o, leaving), plate, base)
            else:
                pieces[name] = _drawing(layout, name)
        notes.extend(_remarks(layout, pieces))
        canvas = plate.astype(np.float32)
        owner = np.full((layout.height, layout.width), -1, np.int32)
        ids = list(layout.boxes)
        drawn: dict[str, Mask] = {}
        stays = np.zeros((layout.height, layout.width), bool)
        for name in reversed(layout.order):
            drawn[name] = _place_piece(canvas, owner, stays, pieces[name], ids.index(name))
            stays = (stays & ~drawn[name]) | (drawn[name] if name in kept and name not in moved else False)
        picture = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
        depth = _depth_of(layout, pieces, owner, ids, base, moved)
        objects, visible = _described(layout, pieces, drawn, owner, ids, depth)
        return Rendered(picture, objects, depth, visible, tuple(notes))


def _place(layout: Layout) -> str:
    return layout.background or layout.prompt


def _label(layout: Layout, name: str) -> str:
    """What to draw for an id: its name, else the readable part of the id."""
    return layout.names.get(name) or name.rstrip("0123456789").strip("-_").replace("-", " ").replace("_", " ") or name


def _horizon(layout: Layout) -> int:
    """Row where the ground begins: above the feet of what stands on it, within a band around the middle."""
    feet = [box.y1 for name, box in layout.boxes.items() if pictograms.thing(_label(layout, name)).grounded]
    highest = min(feet, default=layout.height * 0.75) - 0.06 * layout.height
    return int(np.clip(highest, 0.34 * layout.height, 0.62 * layout.height))


def _same_box(a: Box, b: Box) -> bool:
    return max(abs(p - q) for p, q in zip(a.xyxy, b.xyxy, strict=True)) <= SAME_PX


def _distance(depth: DepthMap) -> Floats:
    """(H, W) distance with its holes filled from beside them."""
    distance = depth.distance()
    missing = ~np.isfinite(distance)
    if missing.all():
        return np.ones_like(distance)
    if missing.any():
        rows, columns = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
        distance = distance[rows, columns]
    return np.asarray(distance, np.float32)


def _at_size(source: Source, width: int, height: int) -> Source:
    """The source stretched to the canvas, each object with a mask."""
    h, w = source.image.shape[:2]
    sx, sy = width / w, height / h
    same = (h, w) == (height, width)
    how = cv2.INTER_AREA if sx < 1 else cv2.INTER_CUBIC
    image = source.image if same else cv2.resize(source.image, (width, height), interpolation=how)
    objects = []
    for o in source.objects:
        box = o.box if same else o.box.scaled(sx, sy)
        mask = o.mask
        if mask is not None and not same:
            mask = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
        if mask is None or not mask.any():
            mask = np.zeros((height, width), bool)
            mask[box.slices(width, height)] = True
        objects.append(o.but(box=box, mask=mask))
    depth = source.depth
    if depth is not None and not same:
        values = cv2.resize(depth.values, (width, height), interpolation=cv2.INTER_NEAREST)
        valid = cv2.resize(depth.valid.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        depth = DepthMap(values, depth.kind, valid, depth.source)
    return Source(image, tuple(objects), depth)


def _typical(o: SceneObject, base: Floats | None) -> float:
    """How far an object of the source is; without depth, lower in the picture is nearer."""
    if base is not None and o.mask is not None:
        return float(np.median(base[o.mask]))
    return -o.box.y1


def _brought_forward(layout: Layout, kept: Mapping[str, SceneObject], base: Floats | None) -> set[str]:
    """Objects the layout puts in front of one that hides part of them in the source."""
    out = set()
    for place, near in enumerate(layout.order):
        for far in layout.order[place + 1 :]:
            if near in kept and far in kept and _typical(kept[near], base) > _typical(kept[far], base):
                a, b = kept[near], kept[far]
                if a.box.intersection(b.box) > 0 and _hidden_part(a, [b]).any():
                    out.add(near)
    return out


def _hidden_part(o: SceneObject, others: list[SceneObject]) -> Mask:
    """(H, W) where `others` probably cover the object: in its hull and box, on their masks, not on its own."""
    assert o.mask is not None
    covered = np.zeros_like(o.mask)
    for other in others:
        if other.mask is not None:
            covered |= other.mask
    points = np.argwhere(o.mask)[:, ::-1].astype(np.int32)
    if len(points) < 3:
        return np.zeros_like(o.mask)
    hull = np.zeros(o.mask.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return np.asarray((hull > 0) & covered & ~o.mask)


def _cleared(source: Source, base: Floats | None, leaving: list[SceneObject]) -> tuple[Image, Floats | None]:
    """The source's picture and distance with what leaves filled in."""
    height, width = source.image.shape[:2]
    if not leaving:
        return source.image, base
    hole = np.zeros((height, width), bool)
    grow = max(2, round(HALO * max(height, width)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    for o in leaving:
        assert o.mask is not None
        hole |= cv2.dilate(o.mask.astype(np.uint8), disc) > 0
        if pictograms.thing(o.name).grounded:  # its shadow goes with it
            below = round(SHADE * o.box.height)
            hole[below:] |= hole[: height - below] & _lower(o, height)[below:]
    usable = np.ones_like(hole)
    away = {o.id for o in leaving}
    nearest_leaving = min(_typical(o, base) for o in leaving)
    rim = (cv2.dilate(hole.astype(np.uint8), disc) > 0) & ~hole
    for o in source.objects:
        assert o.mask is not None
        if o.id in away:
            continue
        carries = (o.mask & rim).sum() >= CARRIES * rim.sum()  # the hole lies on it: it is what is behind
        if not carries or _typical(o, base) < nearest_leaving:
            usable &= ~o.mask
    image = holes.fill(source.image, hole, usable)
    if base is not None:
        known = ~hole & usable
        sheet = _membrane(base, known) if known.any() else base
        base = np.where(hole, sheet, base).astype(np.float32)
    return image, base


def _lower(o: SceneObject, height: int) -> Mask:
    """(H, 1) bool: the rows of an object's lower half and all below."""
    return np.asarray(np.arange(height)[:, None] > (o.box.y0 + o.box.y1) / 2)


def _membrane(values: Floats, known: Mask) -> Floats:
    """`values` with the unknown part a smooth sheet spanned from its rim, reckoned small."""
    height, width = values.shape
    k = max(1.0, max(height, width) / 160)
    size = max(2, round(width / k)), max(2, round(height / k))
    weight = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    sheet = cv2.resize(values * known, size, interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-3)
    fixed = weight > 0.5
    if not fixed.any():
        return values
    rows, columns = ndimage.distance_transform_edt(~fixed, return_distances=False, return_indices=True)
    sheet = sheet[rows, columns].astype(np.float32)
    held = sheet.copy()
    for sigma in (16, 8, 4, 2, 1, 1):
        for _ in range(4):
            sheet = np.where(fixed, held, cv2.GaussianBlur(sheet, (0, 0), sigma))
    return np.asarray(cv2.resize(sheet, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _lay_on(o: SceneObject, leaving: list[SceneObject]) -> Mask:
    """(H, W) where smaller things that leave lay on an object that stays."""
    assert o.mask is not None
    grow = max(2, round(HALO * max(o.mask.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    lay = np.zeros_like(o.mask)
    for p in leaving:
        if p.mask is not None and p.mask.sum() < o.mask.sum():
            lay |= cv2.dilate((p.mask & o.mask).astype(np.uint8), disc) > 0
    return np.asarray(lay & o.mask)


def _as_it_is(
    source: Source, distance: Floats | None, o: SceneObject, lay: Mask, cleared: Image, cleared_distance: Floats | None
) -> _Piece:
    """An object that stays, pixel for pixel; where a thing lay on it that leaves, as the cleared picture shows it."""
    height, width = source.image.shape[:2]
    assert o.mask is not None
    rows, columns = (Box.around(o.mask) or o.box).slices(width, height)
    bare = lay[rows, columns]
    colour = np.where(bare[..., None], cleared[rows, columns], source.image[rows, columns]).astype(np.float32)
    far = None
    if distance is not None and cleared_distance is not None:
        far = np.where(bare, cleared_distance[rows, columns], distance[rows, columns]).astype(np.float32)
    return _Piece(o.name, colour, o.mask[rows, columns].astype(np.float32), columns.start, rows.start, far, 0.0, o)


def _cut_out(source: Source, base: Floats | None, o: SceneObject, to: Box) -> _Piece:
    """The object as cut from the photo, moved to its place in the layout."""
    height, width = source.image.shape[:2]
    assert o.mask is not None
    others = [p for p in source.objects if p.id != o.id]
    nearer = [p for p in others if _typical(p, base) < _typical(o, base)]
    hidden = _hidden_part(o, nearer)
    own = o.mask.copy()
    for p in others:  # a smaller thing lying on it stays behind when it leaves
        if p.mask is not None and p.mask.sum() < o.mask.sum():
            hidden |= p.mask & o.mask
    own &= ~hidden
    body = own | hidden
    rows, columns = o.box.slices(width, height)
    around = Box.around(body) or o.box
    more = around.slices(width, height)
    rows = slice(min(rows.start, more[0].start), max(rows.stop, more[0].stop))
    columns = slice(min(columns.start, more[1].start), max(columns.stop, more[1].stop))
    colour = source.image[rows, columns]
    solid = own[rows, columns]
    core = cv2.erode(solid.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    if not core.any():
        core = solid
    colour = _spread(colour, core, body[rows, columns] & ~solid)
    alpha = body[rows, columns].astype(np.float32)
    distance = None if base is None else _membrane(np.where(body, base, 0).astype(np.float32), own)[rows, columns]
    sx, sy = to.width / max(1e-6, o.box.width), to.height / max(1e-6, o.box.height)
    x0, y0 = to.x0 + (columns.start - o.box.x0) * sx, to.y0 + (rows.start - o.box.y0) * sy
    x1, y1 = to.x0 + (columns.stop - o.box.x0) * sx, to.y0 + (rows.stop - o.box.y0) * sy
    at_x, at_y = round(x0), round(y0)
    size = max(1, round(x1) - at_x), max(1, round(y1) - at_y)
    if size != (colour.shape[1], colour.shape[0]):
        how = cv2.INTER_AREA if size[0] < colour.shape[1] else cv2.INTER_CUBIC
        colour = cv2.resize(colour, size, interpolation=how)
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA if how == cv2.INTER_AREA else cv2.INTER_LINEAR)
        distance = None if distance is None else cv2.resize(distance, size, interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(np.pad(alpha, 4), (0, 0), 0.9)[4:-4, 4:-4]
    alpha = np.clip(soft * 1.5 - 0.32, 0, 1).astype(np.float32)  # feathered inwards: no rim of the old background
    same_place = _same_box(o.box, to)
    shadow = 0.0 if same_place or not pictograms.thing(o.name).grounded else 0.32
    return _Piece(o.name, colour.astype(np.float32), alpha, at_x, at_y, distance, shadow, o)


def _spread(colour: Image, core: Mask, hidden: Mask) -> Image:
    """`colour` with everything outside `core` taken from its nearest core pixel, softly; hidden parts filled by texture."""
    rows, columns = ndimage.distance_transform_edt(~core, return_distances=False, return_indices=True)
    out = colour[rows, columns]
    smooth = cv2.GaussianBlur(out, (0, 0), 2)
    out = np.where(core[..., None], colour, smooth)
    if hidden.any() and core.sum() > 200:
        out = holes.fill(out, hidden, core)
    return np.asarray(out, np.uint8)


def _drawing(layout: Layout, name: str) -> _Piece:
    """A pictogram, standing on the lower edge of its box."""
    box = layout.boxes[name]
    words = _label(layout, name)
    x0, y0, x1, y1 = round(box.x0), round(box.y0), round(box.x1), round(box.y1)
    picture = pictograms.draw(words, x1 - x0, y1 - y0)
    h, w = picture.shape[:2]
    grounded = pictograms.thing(words).grounded
    x, y = x0 + (x1 - x0 - w) // 2, (y1 - h if grounded else y0 + (y1 - y0 - h) // 2)
    colour, alpha = picture[..., :3].astype(np.float32), picture[..., 3].astype(np.float32) / np.float32(255)
    return _Piece(words, colour, alpha, x, y, None, 0.5 if grounded else 0.0)


def _remarks(layout: Layout, pieces: Mapping[str, _Piece]) -> list[str]:
    """What the drawings could not do, each in one line."""
    smaller, unknown, similar, bare = [], [], [], []
    for name in layout.boxes:
        piece, box = pieces[name], layout.boxes[name]
        if piece.origin is not None:
            continue
        h, w = piece.alpha.shape
        if w < box.width - 1.5 or h < box.height - 1.5:
            smaller.append(piece.name)
        what = pictograms.thing(piece.name)
        seen = pictograms.shown(piece.name)
        bare += [f"{word} ({what.label})" for word in what.attributes if word not in seen]
        if not what.drawing or what.drawing.startswith("generic/"):
            unknown.append(what.label)
        elif not pictograms.has_own(what.label):
            similar.append(what.label)
    out = []
    if smaller:
        out.append(f"Drawn smaller than their boxes, to keep their proportions: {', '.join(smaller)}.")
    if similar:
        out.append(f"Drawn as something that looks alike, with its name: {', '.join(dict.fromkeys(similar))}.")
    if unknown:
        out.append(f"Shown as a silhouette with its name, for want of a drawing: {', '.join(dict.fromkeys(unknown))}.")
    if bare:
        out.append(f"Asked for and not visible in the drawings: {', '.join(dict.fromkeys(bare))}.")
    return out


def _window(piece: _Piece, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Where a piece lies on the canvas, and which part of it that is; None when it is off the canvas."""
    h, w = piece.alpha.shape
    y0, y1 = max(0, piece.y), min(shape[0], piece.y + h)
    x0, x1 = max(0, piece.x), min(shape[1], piece.x + w)
    if y0 >= y1 or x0 >= x1:
        return None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - piece.y, y1 - piece.y), slice(x0 - piece.x, x1 - piece.x))


def _place_piece(canvas: Floats, owner: NDArray[np.int32], stays: Mask, piece: _Piece, index: int) -> Mask:
    """Blend one piece over the canvas and take its pixels; its drawn pixels, hidden ones too.

    Neither its shadow nor its feathered rim changes `stays`, the visible pixels of the photo's own unmoved objects.
    """
    drawn = np.zeros(owner.shape, bool)
    at = _window(piece, owner.shape)
    if at is None:
        return drawn
    if piece.shadow > 0:
        _cast_shadow(canvas, stays, piece)
    on, part = at
    alpha = np.where(stays[on] & (piece.alpha[part] < 0.5), 0, piece.alpha[part])[..., None]
    canvas[on] = np.where(alpha >= 1, piece.rgb[part], canvas[on] * (1 - alpha) + piece.rgb[part] * alpha)
    drawn[on] = piece.alpha[part] >= 0.5
    owner[drawn] = index
    return drawn


def _cast_shadow(canvas: Floats, stays: Mask, piece: _Piece) -> None:
    """A soft dark patch where the piece touches what carries it, and a fainter one around."""
    solid = piece.alpha >= 0.5
    rows = np.flatnonzero(solid.any(1))
    if not len(rows):
        return
    foot = rows[-1]
    tall = rows[-1] - rows[0] + 1
    columns = np.flatnonzero(solid[max(0, foot - max(1, round(0.07 * tall))) : foot + 1].any(0))
    wide = columns[-1] - columns[0] + 1
    y, x = piece.y + foot + 1, piece.x + (columns[0] + columns[-1] + 1) / 2
    height, width = canvas.shape[:2]
    for spread, strength, blur in ((0.50, 1.0, 0.10), (0.62, 0.45, 0.22)):
        rx, ry = max(2.0, wide * spread), max(1.5, wide * spread * 0.16)
        reach_x, reach_y = int(rx * 1.7) + 4, int(ry * 3) + 6
        y0, y1 = max(0, y - reach_y), min(height, y + reach_y)
        x0, x1 = max(0, int(x) - reach_x), min(width, int(x) + reach_x)
        if y0 >= y1 or x0 >= x1:
            continue
        v = (np.arange(y0, y1, dtype=np.float32)[:, None] - (y - ry * 0.35)) / ry
        u = (np.arange(x0, x1, dtype=np.float32)[None, :] - x) / rx
        soft = 1 / (1 + np.exp((np.sqrt(u * u + v * v) - 1) / blur))
        dark = np.where(stays[y0:y1, x0:x1], 0, piece.shadow * strength * 0.75 * soft)
        canvas[y0:y1, x0:x1] *= 1 - dark[..., None].astype(np.float32)


def _described(
    layout: Layout,
    pieces: Mapping[str, _Piece],
    drawn: Mapping[str, Mask],
    owner: NDArray[np.int32],
    ids: list[str],
    depth: DepthMap,
) -> tuple[tuple[SceneObject, ...], dict[str, float]]:
    """The objects as they can be seen, in layout-id order, and how much of each can be."""
    objects, visible = [], {}
    for index, name in enumerate(ids):
        piece, whole = pieces[name], drawn[name]
        seen = owner == index
        count = int(whole.sum())
        visible[name] = float(seen.sum() / count) if count else 0.0
        box = Box.around(seen) or Box.around(whole) or layout.boxes[name].clipped(layout.width, layout.height)
        stats = DepthStats.of(depth.values[seen])
        if piece.origin is not None:
            objects.append(piece.origin.but(box=box, mask=seen, depth=stats, origin="render", score=1.0))
        else:
            what = pictograms.thing(piece.name)
            words = pictograms.shown(piece.name)
            objects.append(SceneObject(name, what.label, box, words, seen, stats, "render"))
    return tuple(objects), visible


def _depth_of(
    layout: Layout,
    pieces: Mapping[str, _Piece],
    owner: NDArray[np.int32],
    ids: list[str],
    base: Floats | None,
    moved: set[str],
) -> DepthMap:
    """What was drawn, as distance: the background, and each object nearer than the next in the order."""
    if base is None:
        at = _stated(layout)
        values = _drawn_ground(layout, at)
    else:
        at = _fitted_order(layout, pieces, base, moved)
        values = base.copy()
    for name in layout.order:
        piece, mask = pieces[name], owner == ids.index(name)
        window = _window(piece, owner.shape)
        if window is None or not mask.any():
            continue
        if piece.distance is None:
            values[mask] = at[name]
            continue
        on, part = window
        relief = piece.distance[part] - _middle(piece)
        if name in moved:  # it keeps its own relief as far as no neighbour in depth is reached
            room = 0.3 * min((abs(v - at[name]) for v in at.values() if abs(v - at[name]) > 1e-6), default=1.0)
            relief = np.clip(relief, -room, room)
        values[on] = np.where(mask[on], at[name] + relief, values[on])
    low = float(values.min())
    if low <= 0:
        values = values - low + 1e-3
    return DepthMap(values.astype(np.float32), "relative", np.ones(values.shape, bool), "compositor")


def _middle(piece: _Piece) -> float:
    """Median distance in the source of the part that is drawn."""
    assert piece.distance is not None
    solid = piece.alpha >= 0.5
    return float(np.median(piece.distance[solid] if solid.any() else piece.distance))


def _stated(layout: Layout) -> dict[str, float]:
    """Distance of each object, nearest 1: the layout's own, else equal log steps along the order."""
    if layout.depths:
        nearest = min(layout.depths.values())
        return {name: float(layout.depths[name]) / nearest for name in layout.order}
    steps = max(1, len(layout.order) - 1)
    return {name: float(FAR_NEAR_RATIO ** (place / steps)) for place, name in enumerate(layout.order)}


def _drawn_ground(layout: Layout, at: Mapping[str, float]) -> Floats:
    """(H, W) distance of sky or wall and ground, behind whatever stands on it."""
    height, width = layout.height, layout.width
    horizon = _horizon(layout)
    far = max(FAR_NEAR_RATIO, BEHIND * max(at.values(), default=1.0))
    near = min(at.values(), default=1.0)
    rows = np.arange(height)
    share = np.clip((rows - horizon + 1) / max(1, height - horizon), 1e-3, 1)
    column = np.where(rows < horizon, far, np.minimum(far, 1 / (1 / far + (1 / near - 1 / far) * share)))
    for name, box in layout.boxes.items():  # never nearer than a thing standing farther up
        foot = int(np.clip(np.ceil(box.y1), 1, height))
        column[:foot] = np.maximum(column[:foot], min(at[name] * BEHIND, far))
    column[-max(2, height // 50) :] = near  # so that "nearest" on this map is the nearest object's distance
    return np.repeat(column[:, None], width, 1).astype(np.float32)


def _fitted_order(layout: Layout, pieces: Mapping[str, _Piece], base: Floats, moved: set[str]) -> dict[str, float]:
    """Distance of each object so that the order holds strictly, changing the source's own as little as possible.

    Isotonic regression (pool adjacent violators) with a least step between neighbours; what did not move weighs
    most. Objects that share a stated depth move together.
    """
    low, high = (float(v) for v in np.percentile(base, [1, 99]))
    span = max(high - low, 1e-3)
    stated = {name: float(np.log(d)) for name, d in _stated(layout).items()}
    still = [name for name in layout.order if pieces[name].distance is not None and name not in moved]
    here = {name: _middle(pieces[name]) for name in still}
    known = sorted((stated[name], here[name]) for name in still)
    for place, name in enumerate(layout.order):
        if name in here:
            continue
        if layout.depths and len(known) >= 2:
            here[name] = float(np.interp(stated[name], [k[0] for k in known], sorted(k[1] for k in known)))
        elif pieces[name].distance is not None:
            here[name] = _middle(pieces[name])
        else:
            here[name] = low + span * (0.1 + 0.7 * place / max(1, len(layout.order) - 1))
    groups: list[list[str]] = []
    for name in layout.order:
        if layout.depths and groups and stated[name] - stated[groups[-1][0]] < 1e-9:
            groups[-1].append(name)
        else:
            groups.append([name])
    for group in groups:  # what is new or moved joins those that stayed
        stayed = [here[name] for name in group if name in still]
        shared = float(np.mean(stayed or [here[name] for name in group]))
        here.update({name: shared for name in group if name not in still})
    values = np.array([np.mean([here[name] for name in group]) for group in groups])
    weights = np.array([4.0 * sum(name in still for name in group) + 0.5 for group in groups])
    least = min(GAP, 0.8 / max(1, len(groups))) * span
    gaps = np.zeros(len(groups))
    for k in range(1, len(groups)):
        natural = float(values[k] - values[k - 1])
        if natural <= 0 or any(name not in still for name in (*groups[k - 1], *groups[k])):
            gaps[k] = least
        elif layout.depths:
            gaps[k] = min(least, 0.5 * span * (stated[groups[k][0]] - stated[groups[k - 1][0]]))
        else:
            gaps[k] = min(least, natural)
    steps = np.cumsum(gaps)
    shift = _isotonic(values - steps, weights) + steps - values
    return {name: here[name] + float(by) for group, by in zip(groups, shift, strict=True) for name in group}


def _isotonic(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest non-decreasing sequence, weighted."""
    blocks: list[list[float]] = []  # mean, weight, count
    for v, w in zip(values, weights, strict=True):
        blocks.append([float(v), float(w), 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            b, a = blocks.pop(), blocks.pop()
            total = a[1] + b[1]
            blocks.append([(a[0] * a[1] + b[0] * b[1]) / total, total, a[2] + b[2]])
    return np.concatenate([np.full(int(count), mean) for mean, _, count in blocks]) if blocks else np.empty(0)
