"""All pair relations of one picture with 20 objects: every family, every ordered pair, every predicate's margin.

    .venv/bin/python benchmarks/relations.py

Ours (vectorised margins, and the whole stored graph) against a straightforward loop over the pairs that computes the
same margins, in the same rounds of one run; the two are checked equal first. `FULL=1` takes 100 rounds and 60 objects too.
"""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import medians, ms, table
from spacestudio.domain.boxes import Box
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.measure import Measurements
from spacestudio.relations import FAMILIES
from spacestudio.relations.relate import family, relate

FULL = bool(os.environ.get("FULL"))
ROUNDS = 100 if FULL else 25


def made(n: int) -> tuple[tuple[SceneObject, ...], Measurements]:
    """N random boxes with 3D extents and contacts."""
    rng = np.random.default_rng(n)
    corner = rng.uniform(0, 0.8, (n, 2))
    boxes = np.concatenate((corner, corner + rng.uniform(0.02, 0.2, (n, 2))), 1)
    center = rng.uniform([-3, -2, 1], [3, 2, 8], (n, 3))
    low, high = center - rng.uniform(0, 0.5, (n, 3)), center + rng.uniform(0, 0.5, (n, 3))
    z = np.stack((low[:, 2], center[:, 2], high[:, 2]), 1)
    contact = rng.uniform(0, 1, (n, n)) * (rng.random((n, n)) < 0.3)
    objects = tuple(SceneObject(f"o-{i}", "thing", Box(*(b * [640, 480, 640, 480]))) for i, b in enumerate(boxes))
    return objects, Measurements(boxes, np.array([640.0, 480.0]), z, center, low, high, contact, True)


def vectorised(m: Measurements) -> dict[tuple[str, str, str], np.ndarray]:
    """(family, frame, predicate) -> (N, N) margins."""
    out = {}
    for name in FAMILIES:
        f = family(name)
        for frame in f.frames:
            for predicate, margin in f.margins(m, frame).items():
                out[name, frame, predicate] = margin
    return out


def loop(rows: dict[str, list]) -> dict[tuple[str, str, str], list[list[float]]]:
    """The same, one pair at a time over plain lists."""
    boxes, size, center, low, high, contact = (rows[k] for k in ("boxes", "size_px", "center", "low", "high", "contact"))
    n = len(boxes)
    out: dict[tuple[str, str, str], list[list[float]]] = {}

    def put(key: tuple[str, str, str], s: int, o: int, value: float) -> None:
        if key not in out:
            out[key] = [[0.0] * n for _ in range(n)]
        out[key][s][o] = value

    for s in range(n):
        for o in range(n):
            if s == o:
                continue
            a, b = boxes[s], boxes[o]
            mean = (math.dist(center[s], (0, 0, 0)) + math.dist(center[o], (0, 0, 0))) / 2
            left, above = (b[0] + b[2]) / 2 - (a[0] + a[2]) / 2, (b[1] + b[3]) / 2 - (a[1] + a[3]) / 2
            inset = min(a[0] - b[0], a[1] - b[1], b[2] - a[2], b[3] - a[3])
            outset = min(b[0] - a[0], b[1] - a[1], a[2] - b[2], a[3] - b[3])
            if inset >= 0 or outset >= 0:
                left, above = max(-0.0495, min(0.0495, left)), max(-0.0495, min(0.0495, above))
            right3, down3 = (center[o][0] - center[s][0]) / mean, (center[o][1] - center[s][1]) / mean
            for frame, across, up in (("image", left, above), ("camera", right3, down3)):
                put(("direction", frame, "left of"), s, o, across)
                put(("direction", frame, "right of"), s, o, -across)
                put(("direction", frame, "above"), s, o, up)
                put(("direction", frame, "below"), s, o, -up)
            shared = min(min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1]))
            for predicate, value in (
                ("inside", inset),
                ("surrounding", outset),
                ("overlapping", shared),
                ("separated", -shared),
            ):
                put(("topology", "image", predicate), s, o, value)
            wider = math.log((a[2] - a[0]) * size[0]) - math.log((b[2] - b[0]) * size[0])
            taller = math.log((a[3] - a[1]) * size[1]) - math.log((b[3] - b[1]) * size[1])
            larger = (wider + taller) / 2
            for predicate, value in (("larger", larger), ("wider", wider), ("taller", taller)):
                put(("scale", "image", predicate), s, o, value)
                put(
                    ("scale", "image", {"larger": "smaller", "wider": "narrower", "taller": "shorter"}[predicate]),
                    s,
                    o,
                    -value,
                )
            front = (center[o][2] - center[s][2]) / mean
            overlap = min(high[s][2], high[o][2]) - max(low[s][2], low[o][2])
            shorter = max(min(high[s][2] - low[s][2], high[o][2] - low[o][2]), 1e-9)
            ordered = max(-0.0495, min(0.0495, front)) if overlap / shorter > 0.75 else front
            put(("depth", "camera", "in front of"), s, o, ordered)
            put(("depth", "camera", "behind"), s, o, -ordered)
            put(("depth", "camera", "at the same depth"), s, o, 0.0375 - abs(front))
            extent = max((math.dist(low[s], high[s]) + math.dist(low[o], high[o])) / 2, 1e-9)
            gap = math.hypot(*(max(low[o][k] - high[s][k], low[s][k] - high[o][k], 0) for k in range(3))) / extent
            across, down, away = (abs(center[o][k] - center[s][k]) / extent for k in range(3))
            put(("distance", "camera", "near"), s, o, 0.75 - gap)
            put(("distance", "camera", "far"), s, o, gap - 1.5)
            put(("distance", "camera", "beside"), s, o, min(0.75 - gap, across - down, across - away))
            apart = max(low[o][2] - high[s][2], low[s][2] - high[o][2]) / mean
            higher = (a[1] + a[3]) / 2 < (b[1] + b[3]) / 2
            on = contact[s][o] - 0.4 if higher and apart <= 0.35 else -0.4
            put(("support", "image", "on"), s, o, on)
            put(("support", "image", "under"), o, s, on)
    return out


def main() -> None:
    """Measure, check, print."""
    rows = []
    for n in (20, 60) if FULL else (20,):
        objects, m = made(n)
        plain = {k: getattr(m, k).tolist() for k in ("boxes", "size_px", "center", "low", "high", "contact")}
        ours, theirs = vectorised(m), loop(plain)
        assert set(ours) == set(theirs)
        off = ~np.eye(n, dtype=bool)
        for key, margins in ours.items():
            np.testing.assert_allclose(margins[off], np.array(theirs[key])[off], atol=1e-9, err_msg=str(key))
        found = medians(
            {
                "spacestudio: all margins": lambda m=m: vectorised(m),
                "plain loop over pairs: all margins": lambda plain=plain: loop(plain),
                "spacestudio: the whole graph, verdicts, evidence": lambda o=objects, m=m: relate(o, (m,)),
            },
            ROUNDS,
        )
        base = found["spacestudio: all margins"]
        count = n * (n - 1) * len(ours)
        rows += [
            [f"{n} objects: {name}", ms(t), f"{count / t / 1e6:.1f} M/s", f"{t / base:.1f} x"] for name, t in found.items()
        ]
    print(table(f"Pair relations, median of {ROUNDS}", ["", "time", "margins", "to ours"], rows))
    print("The margins of both agree to 1e-9.")


if __name__ == "__main__":
    main()
