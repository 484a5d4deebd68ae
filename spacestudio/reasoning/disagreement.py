"""Where the picture's plane says one thing and space another, each with the reason in words and numbers (ours).

A picture is a projection: what is farther away is drawn smaller, nearer to the horizon, and covered by what is near. So
"left of", "above", "larger", "overlapping", "inside" and "near" can hold of the boxes and not of the things. Only what is
decided counts: true in the picture, and otherwise in space under every assumption. A person's correction is the truth of its
frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.graph import Frame, RelationOrigin, SpatialGraph, Verdict
from spacestudio.domain.measurements import Measurements
from spacestudio.reasoning.consistency import judged_in
from spacestudio.relations.depth import THRESHOLD as APART
from spacestudio.relations.distance import BAND, FAR, NEAR
from spacestudio.relations.relate import family, inverse_of, judge, verdict_of
from spacestudio.relations.words import read

Kind = Literal["sideways", "height", "size", "overlap", "inside", "near"]
KINDS: tuple[Kind, ...] = ("sideways", "height", "size", "overlap", "inside", "near")
"""In the order they are listed for a pair."""

_JUDGED: tuple[tuple[str, Frame], ...] = (
    ("direction", "image"), ("direction", "camera"), ("scale", "image"), ("scale", "camera"), ("topology", "image"),
    ("support", "image"), ("depth", "camera"), ("distance", "camera"),
)  # fmt: skip

_EXCLUDES: Mapping[str, tuple[str, ...]] = {
    "in front of": ("behind", "at the same depth"), "behind": ("in front of", "at the same depth"),
    "at the same depth": ("in front of", "behind"),
    "near": ("far",), "beside": ("far",), "far": ("near", "beside"),
    "inside": ("surrounding", "overlapping", "separated"), "surrounding": ("inside", "overlapping", "separated"),
    "overlapping": ("inside", "surrounding", "separated"), "separated": ("inside", "surrounding", "overlapping"),
}  # fmt: skip
"""Predicate -> what is false of the same pair where it is true, besides its inverse."""

_ACROSS: Mapping[str, str] = {"left of": "width", "right of": "width", "above": "height", "below": "height"}
_AS: Mapping[str, str] = {"larger": "large", "wider": "wide", "taller": "tall"}


@dataclass(frozen=True)
class Finding:
    """What one frame says of the pair.

    Attributes:
        predicate: of subject and object; "near" is judged in the picture too, by the rule it has in space.
        margin: as its family measures it; of a person's word what was measured, 0 where that is unknown.
        verdict: "true" or "false".
        origin: "geometry" or "person".
    """

    predicate: str
    margin: float
    verdict: Verdict
    origin: RelationOrigin = "geometry"


@dataclass(frozen=True)
class Disagreement:
    """One thing the picture shows that is otherwise in space.

    Attributes:
        subject, object: object ids; the subject is what looks higher, larger, contained, or hides the other, else the one
            that comes first in the graph.
        kind: "sideways" (left/right), "height" (above/below), "size", "overlap", "inside" or "near".
        image, space: what the two frames say.
        nearer: the id of the one nearer to the camera; "" where that is not decided.
        times: how many times as far away the other one is; NaN where that is unknown or a person says otherwise.
        assumed: what the numbers in space rest on, "far/near ratio 10"; empty with metric depth and a known camera.
    """

    subject: str
    object: str
    kind: Kind
    image: Finding
    space: Finding
    nearer: str = ""
    times: float = math.nan
    assumed: tuple[str, ...] = ()

    def reason(self, names: Mapping[str, str]) -> str:
        """One sentence: what the picture shows, what space says, and why they differ.

        Args:
            names: id -> what to call the object.
        """
        s, o = (f"the {names.get(i, i)}" for i in (self.subject, self.object))
        text = f"In the picture {_shown(self, s, o)}; in space {_true(self, s, o)}"
        if cause := _cause(self, s, o):
            text += f", because {cause}"
        measured = self.space.origin == "geometry" or not math.isnan(self.times)
        return text + (f" (assumed: {', '.join(self.assumed)})." if self.assumed and measured else ".")


def disagreements(graph: SpatialGraph, variants: tuple[Measurements, ...]) -> tuple[Disagreement, ...]:
    """Everything the picture's plane and space say differently, by pair in the graph's order, then by kind.

    Each unordered pair is listed once for each kind. What space leaves undecided is no disagreement.

    Args:
        graph: the picture's own graph; its person's relations overrule what is measured.
        variants: its objects' measurements, see `geometry.measure`, the stated assumption first.

    Raises:
        ValueError: the measurements are of another number of objects.
    """
    if not variants or len(variants[0]) != len(graph):
        measured = len(variants[0]) if variants else 0
        raise ValueError(
            f"Got measurements of {measured} objects for a graph of {len(graph)}; measure the graph's own objects"
        )
    if len(graph) < 2:
        return ()
    scene = _Scene(graph, variants)
    found = [item for kind in (_sideways, _height, _size, _overlap, _inside, _near) for item in kind(scene)]
    places = {i: k for k, i in enumerate(graph.ids)}

    def place(d: Disagreement) -> tuple[int, int, int]:
        a, b = places[d.subject], places[d.object]
        return min(a, b), max(a, b), KINDS.index(d.kind)

    return tuple(sorted(found, key=place))


@dataclass
class _Judged:
    """One predicate in one frame over all ordered pairs, (N, N) each: margin, sign, and whether a person said so."""

    margin: NDArray[np.float64]
    sign: NDArray[np.int8]
    said: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.said = np.zeros(self.sign.shape, bool)

    @property
    def true(self) -> NDArray[np.bool_]:
        return self.sign > 0

    @property
    def false(self) -> NDArray[np.bool_]:
        return self.sign < 0

    def finding(self, predicate: str, a: int, b: int) -> Finding:
        origin: RelationOrigin = "person" if self.said[a, b] else "geometry"
        return Finding(predicate, float(self.margin[a, b]), verdict_of(int(self.sign[a, b])), origin)


class _Scene:
    """The measurements judged, with the person's corrections laid over them."""

    def __init__(self, graph: SpatialGraph, variants: tuple[Measurements, ...]) -> None:
        self.ids, self.variants = graph.ids, variants
        varied = dict.fromkeys(m.assumption.about for m in variants if m.assumption.about)
        self.assumed = tuple(replace(variants[0].assumption, about=about).words for about in varied)
        self._judged = {
            (frame, predicate): _Judged(judged.margin.copy(), judged.sign.copy())
            for name, frame in _JUDGED
            for predicate, judged in judge(family(name), variants, frame).items()
        }
        t = graph.table
        for k in np.flatnonzero(t.origin == "person").tolist():
            home = judged_in(str(t.predicate[k]), t.frame[k])
            if home is None:
                continue
            (predicate, frame), a, b, verdict = home, int(t.subject[k]), int(t.object[k]), str(t.verdict[k])
            self._lay(frame, predicate, a, b, verdict)
            self._lay(frame, inverse_of(predicate) or predicate, b, a, verdict)

    def _lay(self, frame: Frame, predicate: str, a: int, b: int, verdict: str) -> None:
        inverse = inverse_of(predicate)
        others = _EXCLUDES.get(predicate, ()) or ((inverse,) if inverse and inverse != predicate else ())
        if verdict == "true":
            self._set(frame, predicate, a, b, 1)
            for other in others:
                self._set(frame, other, a, b, -1)
            if predicate == "beside":
                self._set(frame, "near", a, b, 1)
        elif verdict == "false":
            self._set(frame, predicate, a, b, -1)
            if inverse and inverse != predicate and self(frame, inverse).sign[a, b] < 0:
                self._set(frame, inverse, a, b, 0)  # false because this one was measured true
        else:
            for other in (predicate, *others):
                self._set(frame, other, a, b, 0)

    def _set(self, frame: Frame, predicate: str, a: int, b: int, sign: int) -> None:
        judged = self(frame, predicate)
        judged.sign[a, b], judged.said[a, b] = sign, True

    def __call__(self, frame: Frame, predicate: str) -> _Judged:
        return self._judged[(frame, predicate)]

    def listed(self, kind: Kind, a: int, b: int, image: Finding, space: Finding) -> Disagreement:
        front, z = self("camera", "in front of"), self.variants[0].z[:, 1]
        ordered = front.true[a, b] or front.true[b, a]
        nearer, farther = (a, b) if front.true[a, b] else (b, a)
        times = float(z[farther] / z[nearer]) if ordered and z[nearer] > 0 else math.nan
        return Disagreement(
            self.ids[a], self.ids[b], kind, image, space, self.ids[nearer] if ordered else "",
            times if times > 1 else math.nan, self.assumed,
        )  # fmt: skip


def _pairs(holds: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """The ordered pairs of an (N, N) mask."""
    rows, columns = np.nonzero(holds)
    return zip(rows.tolist(), columns.tolist(), strict=True)


def _opposed(scene: _Scene, predicate: str, a: int, b: int) -> Finding:
    """What space says instead: the inverse where that is true, else that the predicate is false."""
    inverse = inverse_of(predicate) or predicate
    opposite = scene("camera", inverse)
    return opposite.finding(inverse, a, b) if opposite.true[a, b] else scene("camera", predicate).finding(predicate, a, b)


def _sideways(scene: _Scene) -> Iterator[Disagreement]:
    """Left of in the picture and right of in space, or the other way round: x = (u - cx) z / f."""
    for predicate in ("left of", "right of"):
        image = scene("image", predicate)
        for a, b in _pairs(np.triu(image.true & scene("camera", predicate).false, 1)):
            yield scene.listed("sideways", a, b, image.finding(predicate, a, b), _opposed(scene, predicate, a, b))


def _height(scene: _Scene) -> Iterator[Disagreement]:
    """Above in the picture and not in space: farther away on the ground, or nearer under the ceiling."""
    image = scene("image", "above")
    for a, b in _pairs(image.true & scene("camera", "above").false):
        yield scene.listed("height", a, b, image.finding("above", a, b), _opposed(scene, "above", a, b))


def _size(scene: _Scene) -> Iterator[Disagreement]:
    """Larger in the picture and smaller in space; else wider, else taller."""
    extents = np.array([m.high - m.low for m in scene.variants])[..., :2]
    measured = (extents > 0).all((0, 2))
    taken = np.zeros((len(scene.ids),) * 2, bool)
    for predicate in _AS:
        image = scene("image", predicate)
        space = scene("camera", predicate)
        hit = image.true & space.false & (np.outer(measured, measured) | space.said) & ~taken
        taken |= hit | hit.T
        for a, b in _pairs(hit):
            yield scene.listed("size", a, b, image.finding(predicate, a, b), _opposed(scene, predicate, a, b))


def _overlap(scene: _Scene) -> Iterator[Disagreement]:
    """Overlapping boxes of things that do not touch: one hides the other. What rests on the other does touch."""
    image, front = scene("image", "overlapping"), scene("camera", "in front of")
    held = scene("image", "inside").true | scene("image", "on").true
    candidate = image.true & ~held & ~held.T
    clear = front.true & (_clear(scene.variants) | front.said)
    far, near = scene("camera", "far"), scene("camera", "near")
    hit = candidate & (clear | clear.T | far.true | near.false)
    for a, b in _pairs(np.triu(hit, 1)):
        if front.true[b, a]:
            a, b = b, a
        if clear[a, b]:
            space = front.finding("in front of", a, b)
        else:
            space = far.finding("far", a, b) if far.true[a, b] else near.finding("near", a, b)
        yield scene.listed("overlap", a, b, image.finding("overlapping", a, b), space)


def _clear(variants: tuple[Measurements, ...]) -> NDArray[np.bool_]:
    """(N, N) bool: under each assumption all of a is nearer than b, with `APART` of their mean distance between them."""
    clear = np.ones((len(variants[0]),) * 2, bool)
    for m in variants:
        reach = np.linalg.norm(m.center, axis=1)
        clear &= m.low[None, :, 2] - m.high[:, None, 2] >= APART * (reach[:, None] + reach[None, :]) / 2
    return clear


def _inside(scene: _Scene) -> Iterator[Disagreement]:
    """A box within the other's, of a thing in front of the other or behind it."""
    image = scene("image", "inside")
    for predicate in ("in front of", "behind"):
        space = scene("camera", predicate)
        for a, b in _pairs(image.true & space.true):
            yield scene.listed("inside", a, b, image.finding("inside", a, b), space.finding(predicate, a, b))


def _near(scene: _Scene) -> Iterator[Disagreement]:
    """Boxes that do not overlap, a small gap apart, of things far from each other."""
    far, covered = scene("camera", "far"), scene("image", "overlapping").true | scene("image", "inside").true
    margin = _nearness(scene.variants[0])
    for a, b in _pairs(np.triu((margin >= BAND) & far.true & ~covered & ~covered.T, 1)):
        yield scene.listed("near", a, b, Finding("near", float(margin[a, b]), "true"), far.finding("far", a, b))


def _nearness(m: Measurements) -> NDArray[np.float64]:
    """(N, N): NEAR minus the gap between two boxes over their mean diagonal, as `relations.distance` has it in space."""
    boxes = m.boxes * np.tile(m.size_px, 2)
    low, high = boxes[:, :2], boxes[:, 2:]
    apart = np.maximum(low[None, :] - high[:, None], low[:, None] - high[None, :])
    gap = np.linalg.norm(np.maximum(apart, 0), axis=2)
    diagonal = np.linalg.norm(high - low, axis=1)
    nearness: NDArray[np.float64] = NEAR - gap / np.maximum((diagonal[:, None] + diagonal[None, :]) / 2, 1e-9)
    return nearness


# In words


def _shown(d: Disagreement, s: str, o: str) -> str:
    """What the picture shows."""
    m, predicate = abs(d.image.margin), d.image.predicate
    if d.image.origin == "person":
        return f"{_stated(d.image, s, o)}, as a person says"
    match d.kind:
        case "sideways" | "height":
            return f"{s} is {_percent(m)} of the {_ACROSS[predicate]} {predicate} {o}"
        case "size":
            return f"{s} is {math.exp(m):.2f} times as {_AS[predicate]} as {o}"
        case "overlap":
            return f"{s} and {o} overlap by {_percent(m)} of a side"
        case "inside":
            return f"{s} lies inside {o}, by {_percent(m)} of a side"
        case "near":
            return f"the gap between {s} and {o} is {max(0.0, NEAR - d.image.margin):.2f} times their size"


def _true(d: Disagreement, s: str, o: str) -> str:
    """What space says."""
    m, predicate = abs(d.space.margin), d.space.predicate
    if d.space.origin == "person":
        return f"{_stated(d.space, s, o)}, as a person says"
    if d.kind == "size":
        return f"{o} is {math.exp(m):.2f} times as {_AS[d.image.predicate]} as {s}"
    if predicate in ("near", "far"):
        return f"they are {'far apart' if predicate == 'far' else 'not near'}, {_gap(d.space):.2f} times their size"
    if d.kind == "overlap":
        return f"they do not touch, {s} is in front by {_percent(m)} of their mean distance"
    return f"{s} {_holds(d.space)} {predicate} it, by {_percent(m)} of their mean distance"


def _gap(said: Finding) -> float:
    """The gap over the mean size behind a margin of the distance family."""
    return said.margin + FAR if said.predicate == "far" else NEAR - said.margin


def _stated(said: Finding, s: str, o: str) -> str:
    return f"{s} {_holds(said)} {read(said.predicate)} {o}"


def _holds(said: Finding) -> str:
    return "is" if said.verdict == "true" else "is not"


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _cause(d: Disagreement, s: str, o: str) -> str:
    """Why: which one is farther away, and by how much."""
    if not d.nearer:
        return ""
    near, far = (s, o) if d.nearer == d.subject else (o, s)
    away = f"{far} is farther away" if math.isnan(d.times) else f"{far} is {d.times:.1f} times as far away"
    match d.kind:
        case "height" if near == o:
            return f"{away}, and what is farther off on the ground is drawn higher"
        case "height":
            return f"{away}, and what is farther off overhead is drawn lower"
        case "overlap":
            return f"{away} and only hidden by {near}"
        case _:
            return away
