"""Two checkers that share no code with the room: every world of three objects tried, and plain deduction for a dozen."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.objects import SceneObject

ORDERS = {
    "left of": "x", "above": "y", "in front of": "z", "narrower": "width", "shorter": "height", "smaller": "area",
}  # fmt: skip
TURNED = {"right of": "left of", "below": "above", "behind": "in front of", "wider": "narrower", "taller": "shorter",
          "larger": "smaller", "surrounding": "inside", "under": "on"}  # fmt: skip
PREDICATES = (*ORDERS, *TURNED, "at the same depth", "overlapping", "separated", "near", "beside", "far", "on", "inside")
SEEN = {  # what a predicate of a view says in the camera's frame
    "left": {"right of": "in front of", "left of": "behind", "in front of": "left of", "behind": "right of"},
    "right": {"left of": "in front of", "right of": "behind", "in front of": "right of", "behind": "left of"},
    "back": {"left of": "right of", "right of": "left of", "in front of": "behind", "behind": "in front of"},
}
FRAMES = (
    dict.fromkeys(("left of", "right of", "above", "below"), ("image", "camera", *SEEN))
    | dict.fromkeys(("in front of", "behind", "at the same depth"), ("camera", *SEEN))
    | dict.fromkeys(("near", "beside", "far"), ("camera",))
)  # fmt: skip
"""Predicate -> where it can be said; the others in the picture."""
PLANAR = ("width", "height", "area")

Said = tuple[str, str, str, bool]
"""predicate or axis, a, b, holds"""


def graph_of(ids: Iterable[str], relations: Iterable[Relation] = (), **more: object) -> SpatialGraph:
    return SpatialGraph.of([SceneObject(i, i, Box(0, 0, 0, 0)) for i in ids], relations, **more)  # type: ignore[arg-type]


def drawn(rng: np.random.Generator, n: int, count: int, true_share: float = 0.8) -> SpatialGraph:
    """Random relations, often of a few predicates only; each with a verdict and in a frame once."""
    ids = [f"o{k}" for k in range(n)]
    found = {}
    predicates = rng.choice(PREDICATES, rng.integers(2, 8), replace=False) if rng.random() < 0.7 else PREDICATES
    for _ in range(count):
        a, b = rng.choice(n, 2, replace=False)
        predicate = str(rng.choice(predicates))
        frame = str(rng.choice(FRAMES.get(predicate, ("image",))))
        verdict = "true" if rng.random() < true_share else "false"
        r = Relation(ids[a], predicate, ids[b], "other", frame, verdict=verdict, origin="person")  # type: ignore[arg-type]
        found[(r.triple, frame, verdict)] = r
    return graph_of(ids, found.values())


def meant(r: Relation) -> Said:
    """A relation as (what, a, b, holds): "image x", "camera z", "width" … or a predicate that is no order."""
    predicate, frame, a, b = r.predicate, r.frame, r.subject, r.object
    planar = predicate not in ("left of", "right of", "above", "below", "in front of", "behind", "at the same depth")
    if frame in SEEN and not planar:
        if predicate == "at the same depth" and frame != "back":
            return "level camera x", a, b, r.verdict == "true"
        predicate, frame = SEEN[frame].get(predicate, predicate), "camera"
    if predicate in TURNED:
        predicate, a, b = TURNED[predicate], b, a
    if predicate == "at the same depth":
        return "level camera z", a, b, r.verdict == "true"
    axis = ORDERS.get(predicate)
    if axis in ("x", "y"):
        return f"{frame} {axis}", a, b, r.verdict == "true"
    return "camera z" if axis == "z" else axis or predicate, a, b, r.verdict == "true"


def facts(relations: Iterable[Relation]) -> set[tuple[object, ...]]:
    """What is said to be true, each fact in one form."""
    ordered = {"inside", "on", *PLANAR, *(f"{frame} {axis}" for frame in ("image", "camera") for axis in "xyz")}
    true = [meant(r) for r in relations if r.verdict == "true"]
    return {(what, *((a, b) if what in ordered else sorted((a, b)))) for what, a, b, _ in true}


def deduced(relations: Iterable[Relation]) -> bool:
    """Whether they can hold together: everything is deduced until nothing new comes, then contradictions are looked for."""
    said = [meant(r) for r in relations if r.verdict != "undecided"]
    ids = sorted({s[1] for s in said} | {s[2] for s in said})
    at, n = {i: k for k, i in enumerate(ids)}, len(ids)

    def pairs(what: str, holds: bool = True, both: bool = False) -> NDArray[np.bool_]:
        out = np.zeros((n, n), bool)
        for name, a, b, truth in said:
            if name == what and truth == holds:
                out[at[a], at[b]] = True
                if both:
                    out[at[b], at[a]] = True
        return out

    inside = pairs("inside")
    for _ in range(n):
        inside = inside | _then(inside, inside)
    axes = ("image x", "image y", "camera x", "camera y", "camera z", *PLANAR)
    least, less = {}, {}
    for axis in axes:
        less[axis] = pairs(axis) | (pairs("on") if axis == "image y" else False) | (inside if axis in PLANAR else False)
        least[axis] = pairs(axis, False).T | pairs(f"level {axis}", both=True) | less[axis]
    for _ in range(2 * n):
        least["area"] = least["area"] | (least["width"] & least["height"])
        less["area"] = less["area"] | (least["width"] & least["height"] & (less["width"] | less["height"]))
        for axis in axes:
            least[axis] = least[axis] | less[axis] | _then(least[axis], least[axis])
            less[axis] = less[axis] | _then(less[axis], least[axis]) | _then(least[axis], less[axis])
    if any(less[axis].diagonal().any() for axis in axes):
        return False
    if any((least[axis] & least[axis].T & pairs(f"level {axis}", False, True)).any() for axis in axes):
        return False
    apart, touching = pairs("separated", both=True), pairs("overlapping", both=True)
    for _ in range(2 * n):
        apart = apart | _then(inside, apart) | _then(apart, inside.T)
    far, near, beside = (pairs(what, both=True) for what in ("far", "near", "beside"))
    impossible = (
        np.diag(inside.diagonal() | apart.diagonal()), inside & pairs("inside", False), inside & touching, inside & apart,
        apart & touching, apart & pairs("separated", False, True), touching & pairs("overlapping", False, True),
        far & (near | beside | inside | pairs("on")), (near | beside) & pairs("near", False, True),
        beside & pairs("beside", False, True), far & pairs("far", False, True), pairs("on") & pairs("on", False),
    )  # fmt: skip
    return not any(clash.any() for clash in impossible)


def _then(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return (a.astype(int) @ b.astype(int)) > 0


@cache
def _sizes() -> NDArray[np.int64]:
    """(W, 3, 3) rankings of width, height and area in which what is no wider and no taller is no larger."""
    ranks = np.array(list(product(range(3), repeat=3)))
    grid = np.stack(np.meshgrid(*[np.arange(27)] * 3, indexing="ij"), -1).reshape(-1, 3)
    worlds = ranks[grid]
    ok = np.ones(len(worlds), bool)
    for a, b in product(range(3), repeat=2):
        wide, tall, area = (np.sign(worlds[:, k, a] - worlds[:, k, b]) for k in range(3))
        ok &= ~((wide <= 0) & (tall <= 0)) | np.where((wide < 0) | (tall < 0), area < 0, area <= 0)
    return worlds[ok]


@cache
def _topologies() -> tuple[dict[tuple[int, int], str], ...]:
    """How three boxes can lie, pair by pair and both ways round; "touching" is none of the four predicates."""
    out = []
    for states in product(("inside", "around", "overlapping", "separated", "touching"), repeat=3):
        world = {}
        for (a, b), state in zip(combinations(range(3), 2), states, strict=True):
            back = {"inside": "around", "around": "inside"}.get(state, state)
            world |= {(a, b): state, (b, a): back}
        triples = [(a, b, c) for a in range(3) for b in range(3) for c in range(3) if len({a, b, c}) == 3]
        held = all(world[a, b] != "inside" or world[b, c] != "inside" or world[a, c] == "inside" for a, b, c in triples)
        if held and all(
            world[a, b] != "inside" or world[b, c] != "separated" or world[a, c] == "separated" for a, b, c in triples
        ):
            out.append(world)
    return tuple(out)


def shown(relations: Iterable[Relation], ids: str = "abc") -> bool:
    """Whether some world of three objects shows all of these relations."""
    said = [(what, ids.index(a), ids.index(b), holds) for what, a, b, holds in map(meant, relations)]
    held_up = {(a, b) for what, a, b, holds in said if what == "on" and holds}
    if any(what == "on" and not holds and (a, b) in held_up for what, a, b, holds in said):
        return False
    ranks = np.array(list(product(range(3), repeat=3)))
    for axis in ("image x", "image y", "camera x", "camera y", "camera z"):
        ok = np.ones(len(ranks), bool)
        for what, a, b, holds in said:
            if what == axis:
                ok &= (ranks[:, a] < ranks[:, b]) == holds
            elif what == f"level {axis}":
                ok &= (ranks[:, a] == ranks[:, b]) == holds
        for a, b in held_up if axis == "image y" else ():
            ok &= ranks[:, a] < ranks[:, b]
        if not ok.any():
            return False
    return any(_fits(world, said, held_up) for world in _topologies())


def _fits(world: dict[tuple[int, int], str], said: list[tuple[str, int, int, bool]], held_up: set[tuple[int, int]]) -> bool:
    if any((world[a, b] == what) != holds for what, a, b, holds in said if what in ("inside", "overlapping", "separated")):
        return False
    worlds = _sizes()
    ok = np.ones(len(worlds), bool)
    for what, a, b, holds in said:
        if what in PLANAR:
            k = PLANAR.index(what)
            ok &= (worlds[:, k, a] < worlds[:, k, b]) == holds
    within = [pair for pair, state in world.items() if state == "inside"]
    for a, b in within:
        ok &= (worlds[:, :, a] < worlds[:, :, b]).all(1)
    if not ok.any():
        return False
    for pair in combinations(range(3), 2):
        own = [(what, holds) for what, a, b, holds in said if {a, b} == set(pair) and what in ("far", "near", "beside")]
        close = [p for p in (*held_up, *within) if set(p) == set(pair)]
        states = [set(), {"near"}, {"near", "beside"}, *([] if close else [{"far"}])]  # type: ignore[list-item]
        if not any(all((what in state) == holds for what, holds in own) for state in states):
            return False
    return True


def observed(rng: np.random.Generator, n: int, count: int) -> SpatialGraph:
    """Relations that all hold of some boxes with depths, so that they can hold together; about a sixth say what is not."""
    ids = [f"o{k}" for k in range(n)]
    low = rng.integers(0, 12, (n, 2))
    boxes = np.concatenate((low, low + rng.integers(1, 9, (n, 2))), axis=1)
    z = rng.integers(0, 5, n)
    found = {}
    for _ in range(count):
        a, b = (int(k) for k in rng.choice(n, 2, replace=False))
        (p, q), (zp, zq) = (boxes[a], boxes[b]), (z[a], z[b])
        wide, tall = p[2] - p[0] - q[2] + q[0], p[3] - p[1] - q[3] + q[1]
        area = int(np.prod(p[2:] - p[:2])) - int(np.prod(q[2:] - q[:2]))
        (dx, dy), shared = p[:2] + p[2:] - q[:2] - q[2:], np.minimum(p[2:], q[2:]) - np.maximum(p[:2], q[:2])
        inside, around = ((p[:2] > q[:2]) & (p[2:] < q[2:])).all(), ((q[:2] > p[:2]) & (q[2:] < p[2:])).all()
        true = {
            ("left of", "image"): dx < 0, ("right of", "image"): dx > 0, ("above", "image"): dy < 0, ("below", "image"): dy > 0,
            ("in front of", "camera"): zp < zq, ("behind", "camera"): zp > zq, ("at the same depth", "camera"): zp == zq,
            ("right of", "left"): zp < zq, ("left of", "right"): zp < zq, ("behind", "back"): zp < zq,
            ("narrower", "image"): wide < 0, ("wider", "image"): wide > 0, ("shorter", "image"): tall < 0,
            ("taller", "image"): tall > 0, ("smaller", "image"): area < 0, ("larger", "image"): area > 0,
            ("inside", "image"): inside, ("surrounding", "image"): around, ("separated", "image"): (shared < 0).any(),
            ("overlapping", "image"): (shared > 0).all() and not (inside or around),
        }  # fmt: skip
        wanted = rng.random() < 5 / 6
        options = [place for place, holds in true.items() if bool(holds) == wanted]
        predicate, frame = options[int(rng.integers(len(options)))]
        verdict = "true" if wanted else "false"
        r = Relation(ids[a], predicate, ids[b], "other", frame, verdict=verdict, origin="person")  # type: ignore[arg-type]
        found[(r.triple, frame)] = r
    return graph_of(ids, found.values())
