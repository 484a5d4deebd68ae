"""From one edit to all values up to date: relations, views, layers, clashes, questions, layout, verdicts, the log on disk.

    .venv/bin/python benchmarks/edits.py

A real studio in a temporary folder holds one made picture of 640 x 480 px with 20 objects, masks and relative depth. Each
kind of edit is made `EACH` times, all mixed in one sequence, so corrections pile up, and with them clashes. Then a third as
often while a new picture is asked for: as long as a wish stands, an edit that moves a thing or turns a depth order takes a
new layout by CP-SAT too. In the same run, between the edits, the whole sample is derived anew from its log by a `Deriver`
that remembers nothing; both are checked equal after each part. The browser is no part of it. Wall times, since an edit waits
for the disk. `FULL=1` makes 100 of each kind.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import table
from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.sample import Sample
from spacestudio.engines.protocols import Detection
from spacestudio.formats.pictures import Picture
from spacestudio.relations.naming import a, plural
from spacestudio.relations.relate import inverse_of
from spacestudio.services import judge
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.derive import Deriver
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio

EACH = 100 if os.environ.get("FULL") else 30
ANEW = 20 if os.environ.get("FULL") else 8
"""How often the whole sample is derived from nothing."""
WIDTH, HEIGHT, OBJECTS = 640, 480, 20
OWNER = "bench"
LABELS = ("cup", "plate", "lamp", "book", "ball", "chair", "table")

Make = Callable[[Sample, np.random.Generator], list[judge.Act]]


def studio(folder: Path) -> tuple[Studio, str]:
    """A studio with one sample of 20 ellipses before a sloping floor, and its id."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    depth = (1 + 4 * (HEIGHT - y) / HEIGHT).astype(np.float32)
    found = []
    for k in range(OBJECTS):
        w, h = rng.integers(40, 140, 2)
        left, top = rng.integers(0, WIDTH - w), rng.integers(0, HEIGHT - h)
        mask = ((x - left - w / 2) / (w / 2)) ** 2 + ((y - top - h / 2) / (h / 2)) ** 2 < 1
        depth[mask] = rng.uniform(1, 5)
        found.append(Detection(LABELS[k % len(LABELS)], Box(left, top, left + w, top + h), 1.0, mask))
    made = Studio(folder)
    recipe = Recipe(DepthMap.of(depth, "relative", "made"), None, Ready(found, "made"))
    return made, made.add_picture(OWNER, Picture(image, to_png(image), "made.png", ()), recipe=recipe)


def flip(s: Sample, rng: np.random.Generator) -> list[judge.Act]:
    """A measured direction is the other way round."""
    shown = [r for r in s.graph if r.family == "direction" and r.verdict == "true" and r.origin == "geometry"]
    r = shown[rng.integers(len(shown))]
    return judge.correct_relation(s, r.subject, str(inverse_of(r.predicate)), r.object, frame=r.frame)


def order(s: Sample, rng: np.random.Generator) -> list[judge.Act]:
    """One of two objects is in front."""
    near, far = rng.choice(s.graph.ids, 2, replace=False)
    return judge.correct_relation(s, str(near), "in front of", str(far))


def move(s: Sample, rng: np.random.Generator) -> list[judge.Act]:
    """A box elsewhere, by up to 20 px; its mask fills it."""
    o = s.objects[rng.integers(len(s.objects))]
    dx, dy = rng.uniform(-20, 20, 2)
    return judge.edit_object(s, o.id, xyxy=(o.box.x0 + dx, o.box.y0 + dy, o.box.x1 + dx, o.box.y1 + dy), masks="box")


def answer(s: Sample, rng: np.random.Generator) -> list[judge.Act]:
    """A yes-no answer is the other one, and so is the relation it rests on."""
    closed = [p for p in s.qa if p.answer in ("Yes", "No") and not p.mark]
    for k in rng.permutation(len(closed)):
        p, other = closed[k], "No" if closed[k].answer == "Yes" else "Yes"
        if implied := judge.implied_correction(s, p.key, other):
            subject, predicate, object_, frame, verdict = implied
            corrected = judge.correct_relation(s, subject, predicate, object_, verdict, frame)
            return [*judge.edit_question(s, p.key, p.question, other), *corrected]
    return []


def accept(s: Sample, rng: np.random.Generator) -> list[judge.Act]:
    """A question is right."""
    proposed = [p.key for p in s.qa if p.status == "proposed"]
    return judge.judge(s, [proposed[rng.integers(len(proposed))]], "accepted")


def wish(s: Sample, rng: np.random.Generator) -> list[judge.Act]:
    """Something of a new picture: where an object should be, or which of three pairs is how."""
    ids = s.graph.ids
    pair = int(rng.integers(4))
    if pair == 3:
        left, top = rng.uniform(0, 500), rng.uniform(0, 380)
        return judge.want_box(s, ids[6], (left, top, left + 120, top + 90))
    return judge.want_relation(s, ids[2 * pair], str(rng.choice(["left of", "right of", "above"])), ids[2 * pair + 1])


def rename(s: Sample, rng: np.random.Generator) -> list[judge.Act]:
    """The sample is called something else."""
    return [("rename", {"name": f"picture {rng.integers(10**6)}"})]


WISH, UNDO, REDO = "change a wish (layout by CP-SAT)", "undo", "redo"
FRESH = "the whole sample from its log"
EDITS: dict[str, Make] = {
    "flip a relation": flip,
    "correct a depth order": order,
    "move a box": move,
    "correct an answer and its relation": answer,
    "accept a question": accept,
    WISH: wish,
    "rename": rename,
}


def same(one: Sample, other: Sample) -> bool:
    """Whether two samples say the same."""
    return all(
        part(one) == part(other)
        for part in (
            lambda s: s.graph.relations, lambda s: s.views, lambda s: s.layers, lambda s: s.clashes, lambda s: s.qa,
            lambda s: s.verdicts, lambda s: s.problem, lambda s: s.layout and (s.layout.boxes, s.layout.order),
        )
    )  # fmt: skip


class Bench:
    """A sample under edit, with the seconds each kind took."""

    def __init__(self, folder: Path) -> None:
        self.rng = np.random.default_rng(1)
        self.studio, self.id = studio(folder)
        self.times: dict[str, list[float]] = {}

    def edit(self, kind: Make) -> Sample:
        """One act."""
        return self.studio.act(OWNER, self.id, lambda s: kind(s, self.rng))

    def timed(self, name: str, step: Callable[[], Sample]) -> None:
        """Take its time; it must have changed something."""
        before = self.studio.open(OWNER, self.id).events
        start = time.perf_counter()
        after = step()
        self.times.setdefault(name, []).append(time.perf_counter() - start)
        assert len(after.events) > len(before), f"{name} changed nothing"

    def anew(self) -> Sample:
        """The sample from its log alone."""
        return Deriver(self.studio.blobs).sample(self.id, self.studio.open(OWNER, self.id).events)

    def run(self, kinds: list[str], each: int) -> dict[str, list[float]]:
        """So many of each of these kinds, and of undo with redo, mixed; the seconds of each."""
        self.times = {}
        names = [*kinds, UNDO]
        plan = [names[k] for k in self.rng.permutation(np.repeat(np.arange(len(names)), each))]
        for number, name in enumerate(plan):
            if name == UNDO:
                self.timed(UNDO, lambda: self.studio.undo(OWNER, self.id))
                self.timed(REDO, lambda: self.studio.redo(OWNER, self.id))
            else:
                self.timed(name, lambda kind=EDITS[name]: self.edit(kind))  # type: ignore[misc]
            if number % (len(plan) // ANEW) == 0:
                self.timed_anew()
        assert same(self.studio.open(OWNER, self.id), self.anew()), "what the edits left is not what the log says"
        return self.times

    def timed_anew(self) -> None:
        """Seconds of deriving everything from nothing."""
        start = time.perf_counter()
        self.anew()
        self.times.setdefault(FRESH, []).append(time.perf_counter() - start)


def main() -> None:
    """Edit, measure, check, print."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for kind in EDITS.values():  # wakes what sleeps until it is needed
            bench.edit(kind)
        a("quern"), plural("quern")
        while bench.studio.open(OWNER, bench.id).target is not None:
            bench.studio.undo(OWNER, bench.id)
        plainly = bench.run([name for name in EDITS if name != WISH], EACH)
        bench.edit(wish)
        asking = bench.run(list(EDITS), EACH // 3)
        last = bench.studio.open(OWNER, bench.id)
    rows = []
    for name in (*EDITS, UNDO, REDO, FRESH):
        rows.append([name, *cells(plainly.get(name)), *cells(asking.get(name))])
    every = [[t for name, taken in part.items() if name != FRESH for t in taken] for part in (plainly, asking)]
    rows.insert(-1, ["all edits", *cells(every[0]), *cells(every[1])])
    many = f"{len(last.objects)} objects, {len(last.graph.table)} relations"
    title = f"Edit to all values: {many}, {EACH} and {EACH // 3} edits a kind"
    print(table(title, ["", "median", "95th percentile", "median, a wish stands", "95th percentile"], rows))
    ratios = [np.median(part[FRESH]) / np.median(taken) for part, taken in zip((plainly, asking), every, strict=True)]
    print(
        f"Deriving anew takes {ratios[0]:.0f} x an edit's median, {ratios[1]:.0f} x where a wish stands; "
        f"both give equal samples. {len(last.clashes)} clashes at the end."
    )


def cells(taken: list[float] | None) -> list[str]:
    """Median and 95th percentile."""
    if taken is None:
        return ["", ""]
    return [f"{np.median(taken) * 1000:.1f} ms", f"{np.percentile(taken, 95) * 1000:.1f} ms"]


if __name__ == "__main__":
    main()
