"""All relations of one million object pairs, and of many pictures with as many objects as COCO's have.

    .venv/bin/python benchmarks/relations.py

One million pairs: a scene of 1001 objects. Ours is `judge` for every family and frame: each predicate's margin and verdict
over all ordered pairs, as tables. The plain loop takes one pair after the other over lists and writes down the same; the
lean loop is what one would write without margins: side, overlap over union, containment, near or far, depth order (compared
with ours for those families alone). Both loops run on `PART` pairs and their time is scaled to all of them.

Whole graphs: `relate_all` over pictures whose numbers of objects are like COCO's: a geometric distribution with a mean of
7.3, cut at 90 (a stand-in: COCO's own histogram is not read). Depth is metric, so there is one variant a picture. The loop
makes the same rows, pair by pair, from the plain loop's margins.

Everything is checked equal first; medians of rounds in which all take their turn. `FULL=1`: loops run on all pairs, and 2000
pictures.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import medians, ms, table
from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.relations import FAMILIES
from spacestudio.relations.relate import Judged, Shot, family, judge, relate, relate_all

FULL = bool(os.environ.get("FULL"))
ROUNDS = 3 if FULL else 5
OBJECTS = 1001
PAIRS = OBJECTS * (OBJECTS - 1)
PART = PAIRS if FULL else 20_000
PICTURES = 2000 if FULL else 300
MEAN, MOST = 7.3, 90
"""Annotated objects of a COCO picture: their mean, and about the most."""

Column = tuple[str, str, str]
"""Family, frame, predicate."""
Plain = dict[str, Any]
"""Measurements as lists."""

COLUMNS: tuple[Column, ...] = tuple(
    (f.name, frame, predicate) for f in map(family, FAMILIES) for frame in f.frames for predicate in f.predicates
)
LIMITS = tuple(family(name).thresholds[predicate] for name, _, predicate in COLUMNS)
LEAN = (("direction", "image"), ("topology", "image"), ("distance", "camera"), ("depth", "camera"))


def made(n: int, seed: int) -> tuple[tuple[SceneObject, ...], Measurements]:
    """N random boxes with 3D extents and contacts."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.8, (n, 2))
    boxes = np.concatenate((corner, corner + rng.uniform(0.02, 0.2, (n, 2))), 1)
    center = rng.uniform([-3, -2, 1], [3, 2, 8], (n, 3))
    low, high = center - rng.uniform(0, 0.5, (n, 3)), center + rng.uniform(0, 0.5, (n, 3))
    z = np.stack((low[:, 2], center[:, 2], high[:, 2]), 1)
    contact = rng.uniform(0, 1, (n, n)) * (rng.random((n, n)) < 0.3)
    objects = tuple(SceneObject(f"o-{i}", "thing", Box(*(b * [640, 480, 640, 480]))) for i, b in enumerate(boxes))
    return objects, Measurements(boxes, np.array([640.0, 480.0]), z, center, low, high, contact, True)


def plain(m: Measurements) -> Plain:
    """The same numbers as lists."""
    return {k: getattr(m, k).tolist() for k in ("boxes", "center", "low", "high", "contact")}


def ours(m: Measurements, which: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Judged]]:
    """(family, frame) -> predicate -> its (N, N) margins and verdicts."""
    return {(name, frame): judge(family(name), (m,), frame) for name, frame in which}  # type: ignore[arg-type]


def loop(d: Plain, pairs: Iterable[tuple[int, int]]) -> tuple[list[list[float]], list[list[int]]]:
    """Margins and verdicts (1 true, -1 false, 0 undecided), a row a pair in the order of `COLUMNS`."""
    margins, verdicts = [], []
    for s, o in pairs:
        row = pair_margins(d, s, o)
        margins.append(row)
        verdicts.append([1 if v >= t else -1 if v <= -t else 0 for v, t in zip(row, LIMITS, strict=True)])
    return margins, verdicts


def pair_margins(d: Plain, s: int, o: int) -> list[float]:
    """Every predicate's margin for one ordered pair."""
    a, b, p, q = d["boxes"][s], d["boxes"][o], d["center"][s], d["center"][o]
    low_a, high_a, low_b, high_b = d["low"][s], d["high"][s], d["low"][o], d["high"][o]
    mean = (math.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2) + math.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2)) / 2
    left, above = (b[0] + b[2] - a[0] - a[2]) / 2, (b[1] + b[3] - a[1] - a[3]) / 2
    inside = min(a[0] - b[0], a[1] - b[1], b[2] - a[2], b[3] - a[3])
    around = min(b[0] - a[0], b[1] - a[1], a[2] - b[2], a[3] - b[3])
    if inside >= 0 or around >= 0:
        left, above = max(-0.0495, min(0.0495, left)), max(-0.0495, min(0.0495, above))
    right3, down3 = (q[0] - p[0]) / mean, (q[1] - p[1]) / mean
    shared = min(min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1]))
    wider = math.log(a[2] - a[0]) - math.log(b[2] - b[0])
    taller = math.log(a[3] - a[1]) - math.log(b[3] - b[1])
    larger = (wider + taller) / 2
    front = (q[2] - p[2]) / mean
    common = min(high_a[2], high_b[2]) - max(low_a[2], low_b[2])
    shorter = max(min(high_a[2] - low_a[2], high_b[2] - low_b[2]), 1e-9)
    ordered = max(-0.0495, min(0.0495, front)) if common / shorter > 0.75 else front
    own = math.sqrt((high_a[0] - low_a[0]) ** 2 + (high_a[1] - low_a[1]) ** 2 + (high_a[2] - low_a[2]) ** 2)
    other = math.sqrt((high_b[0] - low_b[0]) ** 2 + (high_b[1] - low_b[1]) ** 2 + (high_b[2] - low_b[2]) ** 2)
    size = max((own + other) / 2, 1e-9)
    gap_x = max(low_b[0] - high_a[0], low_a[0] - high_b[0], 0)
    gap_y = max(low_b[1] - high_a[1], low_a[1] - high_b[1], 0)
    gap_z = max(low_b[2] - high_a[2], low_a[2] - high_b[2], 0)
    gap = math.sqrt(gap_x**2 + gap_y**2 + gap_z**2) / size
    across, down, away = abs(q[0] - p[0]) / size, abs(q[1] - p[1]) / size, abs(q[2] - p[2]) / size
    near = 0.75 - gap
    on, under = -0.4, -0.4
    if max(low_b[2] - high_a[2], low_a[2] - high_b[2]) / mean <= 0.35:
        lower = a[1] + a[3] - b[1] - b[3]
        if lower < 0:
            on = d["contact"][s][o] - 0.4
        elif lower > 0:
            under = d["contact"][o][s] - 0.4
    return [
        left, -left, above, -above, right3, -right3, down3, -down3,
        inside, around, shared, -shared,
        larger, -larger, wider, -wider, taller, -taller,
        ordered, -ordered, 0.0375 - abs(front),
        min(near, across - max(down, away)), near, gap - 1.5,
        on, under,
    ]  # fmt: skip


def lean_loop(d: Plain, pairs: Iterable[tuple[int, int]]) -> list[tuple[str, str, float, str, str, str]]:
    """Side, height, overlap over union, containment, near or far, and depth order, by the centres; no margins."""
    out = []
    for s, o in pairs:
        a, b, p, q = d["boxes"][s], d["boxes"][o], d["center"][s], d["center"][o]
        w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        inter = w * h if w > 0 and h > 0 else 0.0
        union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter
        within = a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3]
        apart = (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2
        out.append(
            (
                "left of" if a[0] + a[2] < b[0] + b[2] else "right of",
                "above" if a[1] + a[3] < b[1] + b[3] else "below",
                inter / union,
                "inside" if within else "separated" if inter == 0 else "overlapping",
                "near" if apart < 2.25 else "far",
                "in front of" if p[2] < q[2] else "behind",
            )
        )
    return out


def every_pair(n: int) -> Iterator[tuple[int, int]]:
    """All ordered pairs."""
    return ((s, o) for s in range(n) for o in range(n) if s != o)


def graph_rows(objects: tuple[SceneObject, ...], d: Plain) -> list[Relation]:
    """The stored relations of one picture, family by family, pair by pair."""
    n = len(objects)
    margins = {pair: pair_margins(d, *pair) for pair in every_pair(n)}
    out, start = [], 0
    for f in map(family, FAMILIES):
        names, limits = f.predicates, list(f.thresholds.values())
        for frame in f.frames:
            for (s, o), row in margins.items():
                own = row[start : start + len(names)]
                shares = [v / t for v, t in zip(own, limits, strict=True)]
                first = next((k for k, share in enumerate(shares) if share >= 1), None) if f.choose == "first" else None
                k = first if first is not None else shares.index(max(shares))
                if not f.stores_false and all(share <= -1 for share in shares):
                    continue
                verdict = "true" if shares[k] >= 1 else "false" if shares[k] <= -1 else "undecided"
                evidence = {"metres": round(metres(d, s, o), 3)} if f.length else {}
                a, b = objects[s].id, objects[o].id
                out.append(
                    Relation(a, names[k], b, f.name, frame, own[k], limits[k], verdict, "geometry", evidence)  # type: ignore[arg-type]
                )
            start += len(names)
    return out


def metres(d: Plain, s: int, o: int) -> float:
    """The gap between two objects."""
    low, high = d["low"], d["high"]
    return math.sqrt(sum(max(low[o][k] - high[s][k], low[s][k] - high[o][k], 0) ** 2 for k in range(3)))


def million() -> None:
    """One million pairs."""
    m = made(OBJECTS, 0)[1]
    d, part = plain(m), [pair for pair, _ in zip(every_pair(OBJECTS), range(PART), strict=False)]
    whole = [(f.name, frame) for f in map(family, FAMILIES) for frame in f.frames]
    judged = ours(m, whole)
    margins, verdicts = map(np.array, loop(d, part))
    s, o = np.array(part).T
    for k, (name, frame, predicate) in enumerate(COLUMNS):
        found = judged[name, frame][predicate]
        np.testing.assert_allclose(found.margin[s, o], margins[:, k], atol=1e-9, err_msg=predicate)
        close = np.abs(np.abs(margins[:, k]) - LIMITS[k]) < 1e-9
        assert (close | (found.sign[s, o] == verdicts[:, k])).all(), predicate
    del judged, margins, verdicts
    mine, theirs = "spacestudio: every family, margins and verdicts", "plain loop: the same"
    few, lean = "spacestudio: direction, topology, distance, depth", "lean loop: one word each, no margins"
    found = medians(
        {
            mine: lambda: ours(m, whole),
            theirs: lambda: loop(d, part),
            few: lambda: ours(m, LEAN),
            lean: lambda: lean_loop(d, part),
        },
        ROUNDS,
    )
    times = {name: t * (PAIRS / PART if name in (theirs, lean) else 1) for name, t in found.items()}
    base = {mine: times[mine], theirs: times[mine], few: times[few], lean: times[few]}
    rows = [[name, ms(t), f"{PAIRS / t / 1e6:.2f} M/s", f"{t / base[name]:.1f} x"] for name, t in times.items()]
    note = "" if FULL else f"; the loops ran on {PART} pairs, scaled"
    print(table(f"{PAIRS} ordered pairs, median of {ROUNDS}{note}", ["", "time", "pairs", "to ours"], rows))


def pictures() -> None:
    """Whole graphs at COCO's numbers of objects."""
    shares = (np.arange(PICTURES) + 0.5) / PICTURES  # even quantiles, so that no draw decides the mean
    counts = np.minimum(np.ceil(np.log1p(-shares) / np.log1p(-1 / MEAN)), MOST).astype(int)
    scenes = [made(int(n), k) for k, n in enumerate(counts)]
    shots = [Shot(objects, (m,)) for objects, m in scenes]
    lists = [(objects, plain(m)) for objects, m in scenes]
    for graph, (objects, d) in zip(relate_all(shots), lists, strict=True):
        rows = {r.key: r for r in graph_rows(objects, d)}
        assert rows.keys() == graph.by_key.keys()
        for key, r in graph.by_key.items():
            other = rows[key]
            assert (r.predicate, r.verdict, r.threshold) == (other.predicate, other.verdict, other.threshold), (r, other)
            assert abs(r.margin - other.margin) < 1e-9
            assert abs(r.evidence.get("metres", 0) - other.evidence.get("metres", 0)) < 2e-3
    found = medians(
        {
            "spacestudio: all pictures together": lambda: relate_all(shots),
            "spacestudio: together, and every row as an object": lambda: [g.relations for g in relate_all(shots)],
            "spacestudio: one by one": lambda: [relate(s.objects, s.variants) for s in shots],
            "plain loop: the same rows": lambda: [graph_rows(objects, d) for objects, d in lists],
        },
        ROUNDS,
    )
    relations = sum(len(g.table) for g in relate_all(shots))
    base = found["spacestudio: all pictures together"]
    rows = [
        [name, f"{t / PICTURES * 1000:.3f} ms", f"{relations / t / 1e6:.2f} M/s", f"{t / base:.1f} x"]
        for name, t in found.items()
    ]
    many = f"{counts.mean():.1f} objects ({counts.min()} to {counts.max()})"
    title = f"Whole graphs, {PICTURES} pictures of {many}, {relations} rows, median of {ROUNDS}"
    print(table(title, ["", "a picture", "rows", "to ours"], rows))
    print("Margins agree to 1e-9, predicates and verdicts are equal.")


if __name__ == "__main__":
    million()
    pictures()
