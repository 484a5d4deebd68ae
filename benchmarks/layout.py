"""Layouts of random graphs of 2 to 12 objects, and what is said of those that can't be: solved, or explained correctly.

    .venv/bin/python benchmarks/layout.py

Half of the graphs are read off hidden scenes, so a layout exists: it must be found, and show every relation by the studio's
own rules. The other half are drawn at random. If their relations clash, the clash told must be irreducible: it alone
clashes, and without any one of its members it does not (asked of a checker that shares no code with the reasoning room).
If they do not clash, either a layout is found and shows them all, or it is refused with relations that alone find no room
while each of them left out makes room (asked of the solver anew). A refusal without relations counts as unexplained.

Peer: random boxes at random depths until the same rules find every relation, `TRIES` times at most, on the first graphs.
Times are processor seconds (all is single-threaded), so a busy machine does not count. `FULL=1`: 1000 graphs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import table
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.errors import LayoutError
from spacestudio.layouts.extract import extract, missing
from spacestudio.layouts.solver import LayoutInfeasible, Request, arrange
from spacestudio.reasoning.consistency import clashes, first_clash
from tests.layouts.scenes import hidden_scene, read_off
from tests.reasoning.worlds import deduced, drawn

FULL = bool(os.environ.get("FULL"))
GRAPHS = 1000 if FULL else 100
PEER = 100 if FULL else 8
TRIES = 1000
SIDE = 512


def consistent(seed: int) -> SpatialGraph:
    """2 to 12 objects with up to two relations each, which some hidden scene shows."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 13))
    return read_off(rng, hidden_scene(rng, n), int(rng.integers(1, 2 * n + 1)), ("true", "false"))


def arbitrary(seed: int) -> SpatialGraph:
    """2 to 12 objects with up to two relations each, drawn at random; a fifth says what is not."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 13))
    return drawn(rng, n, int(rng.integers(1, 2 * n + 1)))


def request(graph: SpatialGraph, relations: tuple[Relation, ...] | None = None) -> Request:
    """On a square canvas."""
    return Request(graph if relations is None else SpatialGraph.of(graph.objects, relations), SIDE, SIDE)


def laid_out(graph: SpatialGraph, relations: tuple[Relation, ...]) -> bool:
    """Whether these relations alone have a layout."""
    try:
        arrange(request(graph, relations))
    except LayoutError:
        return False
    return True


def one_less(relations: tuple[Relation, ...]) -> list[tuple[Relation, ...]]:
    """Without each in turn."""
    return [relations[:k] + relations[k + 1 :] for k in range(len(relations))]


def outcome(graph: SpatialGraph) -> tuple[str, bool, tuple[Relation, ...]]:
    """What is said of a graph: solved, clash or refused; whether that is correct so far; the relations named."""
    if clash := first_clash(graph):
        return "clash", not deduced(clash) and all(map(deduced, one_less(clash))), clash
    try:
        made = arrange(request(graph))
    except LayoutInfeasible as refusal:
        return ("refused" if refusal.core else "unexplained"), bool(refusal.core), refusal.core
    except LayoutError:
        return "unexplained", False, ()
    return "solved", not missing(made, graph), ()


def rejection(graph: SpatialGraph, seed: int) -> bool:
    """Random boxes and depth orders until everything asked holds."""
    rng = np.random.default_rng(1_000_000 + seed)
    return any(not missing(hidden_scene(rng, len(graph)), graph) for _ in range(TRIES))


def timed(act: Callable[[], object]) -> float:
    """Processor seconds."""
    start = time.process_time()
    act()
    return time.process_time() - start


def tried(make: Callable[[int], SpatialGraph], first: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds by outcome, and how many of each were right, for half of the graphs."""
    times: dict[str, list[float]] = {}
    right: dict[str, int] = {}
    for seed in range(first, first + GRAPHS // 2):
        graph = make(seed)
        start = time.process_time()
        said, correct, core = outcome(graph)
        times.setdefault(said, []).append(time.process_time() - start)
        if said == "refused":  # not timed: checking it takes a solution for each member
            correct = not laid_out(graph, core) and all(laid_out(graph, fewer) for fewer in one_less(core))
        right[said] = right.get(said, 0) + correct
    return times, right


def main() -> None:
    """Measure, check, print."""
    arrange(request(consistent(0)))  # wakes OR-tools
    rows, explained, total = [], 0, 0
    for name, (times, right) in (
        ("read off scenes", tried(consistent, 0)),
        ("at random", tried(arbitrary, 10_000)),
    ):
        for said in ("solved", "clash", "refused", "unexplained"):
            if own := times.get(said):
                share = f"{len(own)}/{GRAPHS // 2}"
                spread = (f"{np.median(own) * 1000:.1f} ms", f"{np.percentile(own, 95) * 1000:.0f} ms")
                rows.append([f"{name}: {said}", share, f"{right[said]}/{len(own)}", *spread])
                explained, total = explained + right[said], total + len(own)
    rows.append(["all: every relation shown, or a correct explanation", "", f"{explained}/{total}", "", ""])
    print(table(f"{GRAPHS} graphs of 2 to 12 objects", ["", "graphs", "correct", "median", "95th percentile"], rows))

    graphs = [(seed, consistent(seed)) for seed in range(PEER)]
    found, seconds = zip(*((rejection(g, s), timed(lambda g=g, s=s: rejection(g, s))) for s, g in graphs), strict=True)
    mine = [timed(lambda g=g: arrange(request(g))) for _, g in graphs]
    rows = [
        ["spacestudio", f"{PEER}/{PEER}", f"{np.mean(mine):.2f} s"],
        [f"random boxes, {TRIES} tries at most", f"{sum(found)}/{PEER}", f"{np.mean(seconds):.2f} s"],
    ]
    print(table(f"The first {PEER} graphs read off scenes", ["", "solved", "mean"], rows))

    whole = extract(hidden_scene(np.random.default_rng(0), 20))
    took, found = timed(lambda: clashes(whole)) * 1000, len(clashes(whole))
    print(f"Consistency of 20 objects, {len(whole.table)} relations: {took:.1f} ms, {found} clashes")


if __name__ == "__main__":
    main()
