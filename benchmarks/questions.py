"""Questions of a 20-object picture against a naive loop that asks every predicate of every ordered pair, in one run.

    .venv/bin/python benchmarks/questions.py [--json FILE]

The naive loop asks "Is A <predicate> B?" for all predicates of all families over all ordered pairs, calls objects by
their label, and answers Yes where the graph stores that predicate as true and No everywhere else. Both sets are judged
by the rules themselves, evaluated anew from the measurements: an answer is wrong where the rules decide otherwise, a
guess where they leave it open. Also given: names that fit more than one object, facts asked from both sides, the share
of Yes among yes-no questions, and the time. The pictures are made (boxes at random places and distances, repeated
labels), three of them, seeds 0-2; times are processor times, medians. FULL=1 takes 25 pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from spacestudio.domain.boxes import Box  # noqa: E402
from spacestudio.domain.camera import Camera  # noqa: E402
from spacestudio.domain.depth import DepthMap  # noqa: E402
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject  # noqa: E402
from spacestudio.geometry.measure import measure  # noqa: E402
from spacestudio.qa.ask import ask  # noqa: E402
from spacestudio.qa.keys import Asked  # noqa: E402
from spacestudio.qa.scene import Scene  # noqa: E402
from spacestudio.relations import FAMILIES  # noqa: E402
from spacestudio.relations.relate import family, judge, relate, seen_from  # noqa: E402

OBJECTS, WIDTH, HEIGHT = 20, 320, 240
LABELS = ("cup", "plate", "cat", "dog", "chair", "vase", "book", "apple", "bottle", "lamp", "clock", "bowl")
COLOURS = ("red", "black", "white", "green", "blue")

Triple = tuple[str, str, str, str]


@dataclass(frozen=True)
class Row:
    """One yes-no relation question: what it asks, its answer, and whether its names fit one object each."""

    triple: Triple
    yes: bool
    clear: bool


def picture(seed: int) -> tuple[Scene, Measurements]:
    """20 boxes in a metric depth map, measured and related."""
    rng = np.random.default_rng(seed)
    depth = np.full((HEIGHT, WIDTH), 8.0, np.float32)
    objects = []
    for n in range(OBJECTS):
        x, y, w, h = rng.uniform(0, 270), rng.uniform(0, 190), rng.uniform(15, 60), rng.uniform(15, 60)
        box = Box(x, y, min(x + w, WIDTH), min(y + h, HEIGHT))
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[box.slices(WIDTH, HEIGHT)] = True
        depth[mask] = rng.uniform(1, 8)
        colour = str(COLOURS[int(rng.integers(len(COLOURS)))])
        label = LABELS[int(rng.integers(len(LABELS)))]
        objects.append(SceneObject(f"{label}-{n}", label, box, (colour,), mask=mask))
    things = tuple(objects)
    variants = measure(things, WIDTH, HEIGHT, DepthMap.of(depth, "metric", "made"), Camera.assumed(WIDTH, HEIGHT))
    graph = relate(things, variants, "made", ("zebra",))
    views = {v: seen_from(v, things, variants, graph) for v in ("left", "right", "back")}
    distances = {o.id: tuple(map(float, z)) for o, z in zip(things, variants[0].z, strict=True)}
    return Scene(graph, WIDTH, HEIGHT, views, (), distances, True, "made", seed=seed), variants[0]


def clear(question: str, labels: Counter[str]) -> bool:
    """Whether no thing is called by a bare label that several objects bear."""
    called = re.findall(r"\bthe (\w+)", question)
    return not any(labels[word] > 1 for word in called)


def naive(scene: Scene) -> list[Row]:
    """Every predicate, every ordered pair."""
    labels = Counter(o.label for o in scene.graph.objects)
    stored = {(r.subject, r.predicate, r.object, r.frame) for r in scene.graph if r.verdict == "true"}
    rows = []
    for a in scene.graph.objects:
        for b in scene.graph.objects:
            if a.id != b.id:
                for f in map(family, FAMILIES):
                    for predicate in f.predicates:
                        triple = (a.id, predicate, b.id, f.frames[0])
                        text = f"Is the {a.label} {predicate} the {b.label}?"
                        rows.append(Row(triple, triple in stored, clear(text, labels)))
    return rows


def ours(scene: Scene) -> list[Row]:
    """The yes-no questions on relations among all that `ask` gives."""
    labels = Counter(o.label for o in scene.graph.objects)
    rows = []
    for pair in ask(replace(scene)):  # a new value: nothing read before is used again
        asked = Asked.of(pair.key)
        if asked and asked.family == "relation" and asked.form == "yes-no":
            triple = (asked.subject, asked.predicate, asked.object, asked.frame)
            rows.append(Row(triple, pair.answer == "Yes", clear(pair.question, labels)))
    return rows


def judged(rows: list[Row], scene: Scene, m: Measurements) -> dict[str, float]:
    """How many, and how many of them wrong, guessed, unclear, asked twice; the share of Yes."""
    ids = scene.graph.ids
    signs = {
        (p, frame): j.sign for f in map(family, FAMILIES) for frame in f.frames for p, j in judge(f, (m,), frame).items()
    }
    inverse = {p: q for f in map(family, FAMILIES) for p, q in f.inverses.items()}
    wrong = guessed = twice = 0
    seen: set[Triple] = set()
    for row in rows:
        s, p, o, frame = row.triple
        sign = int(signs[p, frame][ids.index(s), ids.index(o)])
        guessed += sign == 0
        wrong += sign != 0 and (sign > 0) != row.yes
        twice += (o, inverse[p], s, frame) in seen
        seen.add(row.triple)
    n = max(len(rows), 1)
    return {
        "questions": len(rows), "yes": 100 * sum(r.yes for r in rows) / n,
        "wrong": 100 * wrong / n, "guessed": 100 * guessed / n,
        "unclear": 100 * sum(not r.clear for r in rows) / n, "twice": 100 * twice / n,
    }  # fmt: skip


def timed(make: Callable[[Scene], list[Row]], scene: Scene) -> tuple[list[Row], float]:
    """Its rows, and the median processor time of three runs, ms."""
    runs = []
    for _ in range(3):
        start = time.process_time()
        rows = make(scene)
        runs.append((time.process_time() - start) * 1000)
    return rows, median(runs)


def main() -> None:
    """Prints the table; --json writes the figures too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    seeds = range(25 if os.environ.get("FULL") else 3)
    scenes = [picture(seed) for seed in seeds]
    ask(scenes[0][0])  # loads the families and the grammar engine
    table = {}
    for name, make in (("every predicate, every pair", naive), ("Space Studio", ours)):
        found = []
        for scene, m in scenes:
            rows, ms = timed(make, scene)
            found.append(judged(rows, scene, m) | {"ms": ms})
        table[name] = {k: median(f[k] for f in found) for k in found[0]}
    whole = [len(ask(scene)) for scene, _ in scenes]
    answers = Counter(p.answer for scene, _ in scenes for p in ask(scene))
    print(f"Yes-no questions on relations, {len(scenes)} pictures of {OBJECTS} objects, medians\n")
    print(
        f"{'':30}{'questions':>10}" + f"{'yes %':>8}{'wrong %':>9}{'guessed %':>11}{'unclear %':>11}{'twice %':>9}{'ms':>8}"
    )
    for name, r in table.items():
        figures = (
            f"{r['yes']:>8.1f}{r['wrong']:>9.1f}{r['guessed']:>11.1f}{r['unclear']:>11.1f}{r['twice']:>9.1f}{r['ms']:>8.1f}"
        )
        print(f"{name:30}{r['questions']:>10.0f}{figures}")
    print(
        f"\nThe studio's time is for all its questions, {median(whole):.0f} per picture in eight families, texts included;"
        f"\nthe naive time is for the bare rows. Yes : No over all families {answers['Yes']} : {answers['No']}."
    )
    if arguments.json:
        arguments.json.write_text(json.dumps({"pictures": len(scenes), "objects": OBJECTS, "table": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
