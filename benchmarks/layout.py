"""Layouts of eight objects that show what was asked: how long, and how often.

    .venv/bin/python benchmarks/layout.py

Ours (CP-SAT, read back with the studio's rules) against a plain loop that places random boxes at random depths until the
same rules find every asked relation, at most `TRIES` times, on the same graphs in the same run. Graphs are read off hidden
scenes, so each has a layout. Then the share of random graphs of 2 to 8 objects that ours solves. Times are processor seconds
(both are single-threaded), so a busy machine does not count. `FULL=1`: 1000 graphs, 20 times the tries.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import table
from spacestudio.domain.graph import SpatialGraph
from spacestudio.errors import LayoutError
from spacestudio.layouts.extract import missing
from spacestudio.layouts.solver import Request, arrange
from spacestudio.reasoning.consistency import clashes
from tests.layouts.scenes import hidden_scene, read_off

FULL = bool(os.environ.get("FULL"))
TRIES = 20_000 if FULL else 1_000
GRAPHS = 1000 if FULL else 200
EACH = 5 if FULL else 3
"""Graphs per row of the first table."""


def asked(seed: int, n: int, relations: int) -> SpatialGraph:
    """A graph some hidden scene of n objects shows."""
    rng = np.random.default_rng(seed)
    return read_off(rng, hidden_scene(rng, n), relations, ("true", "false"))


def ours(graph: SpatialGraph, seed: int) -> bool:
    """Whether a layout was found, and shows what was asked."""
    try:
        return not missing(arrange(Request(graph, 512, 512, seed=seed)), graph)
    except LayoutError:
        return False


def rejection(graph: SpatialGraph, seed: int) -> bool:
    """Random boxes and depth orders until everything asked holds."""
    rng = np.random.default_rng(1_000_000 + seed)
    return any(not missing(hidden_scene(rng, len(graph)), graph) for _ in range(TRIES))


def main() -> None:
    """Measure and print."""
    arrange(Request(asked(0, 2, 1), 512, 512))  # wakes OR-tools
    rows = []
    for relations in (4, 8, 16, 24):
        graphs = [asked(seed, 8, relations) for seed in range(EACH)]
        cells: list[object] = [f"8 objects, {relations} relations"]
        for solve in (ours, rejection):
            times, found = [], 0
            for seed, graph in enumerate(graphs):
                start = time.process_time()
                found += solve(graph, seed)
                times.append(time.process_time() - start)
            cells += [f"{found}/{EACH}", f"{statistics.median(times):.2f} s"]
        rows.append(cells)
    print(table(f"Layout, median of {EACH} graphs", ["", "ours", "time", f"random, {TRIES} tries", "time"], rows))

    times, solved, larger = [], 0, 0.0
    for seed in range(GRAPHS):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 9))
        graph = asked(10_000 + seed, n, int(rng.integers(1, 2 * n + 1)))
        start = time.process_time()
        solved += ours(graph, seed)
        times.append(time.process_time() - start)
    for seed in range(EACH):
        start = time.process_time()
        ours(asked(seed, 12, 24), seed)
        larger = max(larger, time.process_time() - start)
    share = f"{solved}/{GRAPHS} = {100 * solved / GRAPHS:.1f} %"
    rows = [
        ["solved and shown", share],
        ["median time", f"{statistics.median(times):.2f} s"],
        ["95th percentile", f"{np.percentile(times, 95):.2f} s"],
        [f"slowest of {EACH} with 12 objects, 24 relations", f"{larger:.2f} s"],
    ]
    print(table("Random graphs, 2 to 8 objects, up to 2 relations an object", ["", "ours"], rows))

    graph = read_off(np.random.default_rng(0), hidden_scene(np.random.default_rng(0), 20), 10_000)
    start = time.process_time()
    found = clashes(graph)
    took = (time.process_time() - start) * 1000
    print(f"Consistency of 20 objects, {len(graph.table)} relations: {took:.1f} ms, {len(found)} clashes")


if __name__ == "__main__":
    main()
