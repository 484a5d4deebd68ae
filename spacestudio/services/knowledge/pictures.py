"""Boxes and pictures: each graph is laid out, drawn, and kept only when the picture shows all that was asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from spacestudio.domain.boxes import CANVAS, Box
from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.sample import EngineRun, Sample
from spacestudio.engines import LANGUAGE
from spacestudio.engines.language.talk import Counts
from spacestudio.errors import ImpossibleGraph, LayoutError
from spacestudio.figures.graph import overlay
from spacestudio.formats.folder import write_sample
from spacestudio.formats.layout_text import LayoutText, read_layout, write_layout
from spacestudio.formats.pictures import png_bytes
from spacestudio.formats.skg import read_skg
from spacestudio.relations.words import statement
from spacestudio.services.arrange import plan, unique_names
from spacestudio.services.batch import best_of, draw_scene
from spacestudio.services.converse import SOLVER, Proposal, propose_layout
from spacestudio.services.knowledge.recipe import Made, Row, Work
from spacestudio.services.verify import verify_picture

SIZE = (CANVAS, CANVAS)
SAMPLES, REJECTED, PICTURES = "samples", "rejected", "images"
"""Folders beside the stages' files."""


def graph_of(row: Row) -> tuple[SpatialGraph, tuple[str, ...]]:
    """The graph of a row, and what reading it lost.

    Raises:
        LayoutError: it holds none.
    """
    read = read_skg([row])
    graph = read.graphs[0]
    if graph is None:
        raise LayoutError(read.errors[0].removeprefix("Graph 0 "))
    return graph, tuple(w.removeprefix("Graph 0: ") for w in read.warnings)


def boxes(work: Work, row: Row) -> Made:
    """A layout that satisfies every relation; a graph that has none is rejected with the clash."""
    counts = Counts()
    try:
        graph, lost = graph_of(row)
        if work.recipe.layout == SOLVER:
            layout = plan(graph, None, None, SIZE, work.seed, LANGUAGE.load("grammar").background_of(graph.scene))
        else:
            proposal = propose_layout(graph, work.recipe.layout, work.seed, SIZE)
            counts = proposal.counts
            layout = plan(graph, proposal.shown(graph), None, SIZE, work.seed, proposal.background)
    except (ImpossibleGraph, LayoutError) as why:
        return Made(
            rejected={"its relations clash" if isinstance(why, ImpossibleGraph) else "no room": 1}, notes=(str(why),)
        )
    return Made(({**row, "resp": write_layout(layout)},), len(lost), notes=lost, counts=counts)


def images(work: Work, row: Row) -> Made:
    """A picture of a layout. What fails or stays undecided is stored apart with the reason, and is no row."""
    try:
        graph, lost = graph_of(row)
        text = read_layout(row["resp"])
        draw = partial(
            draw_scene, graph, None, work.seed, work.recipe.image, lost, _proposal(graph, text), work.recipe.looks
        )
        best, _ = best_of(draw, work.recipe.candidates, work.recipe.retries)
    except (ImpossibleGraph, LayoutError) as why:
        return Made(
            rejected={"its relations clash" if isinstance(why, ImpossibleGraph) else "no room": 1}, notes=(str(why),)
        )
    doubts = unshown(best)
    folder = work.folder / (REJECTED if doubts else SAMPLES)
    write_sample(best.but(warnings=(*best.warnings, *doubts)), folder)
    if doubts:
        return Made(rejected={"the picture does not show what was asked": 1}, notes=(f"{best.id}: {'; '.join(doubts)}",))
    name = f"{PICTURES}/{work.number:06d}"
    _write_pictures(best, work.folder / name)
    return Made(({**row, "img": name, "sample": best.id},), len(text.problems), notes=text.problems)


def unshown(sample: Sample) -> list[str]:
    """What was asked of a picture and is not verified in it, a line each."""
    if sample.target is None:
        return []
    found = verify_picture(sample.target, sample.graph, sample.variants)
    names = unique_names(sample.target)
    words = {"false": "failed", "undecided": "undecided"}
    pairs = zip(sample.target, found.relations, strict=True)
    lines = [f"{words[r.verdict]}: {statement(asked, names)}" for asked, r in pairs if r.verdict != "true"]
    lines += [f"missing: {names[i]}" for i in found.missing]
    return lines + [f"must not appear: {name}" for name in found.unwanted]


def _proposal(graph: SpatialGraph, text: LayoutText) -> Proposal:
    """The boxes of a layout text by object: equal names in their order, else the same label."""
    left = list(text.items)
    boxes: dict[str, Box] = {}

    def take(fits: Iterator[int], object_id: str) -> None:
        place = next(fits, None)
        if place is not None:
            boxes[object_id] = left.pop(place)[1]

    for o in graph.objects:
        take((k for k, (name, _) in enumerate(left) if _bare(name) == o.name.casefold()), o.id)
    for o in graph.objects:
        if o.id not in boxes:
            take((k for k, (name, _) in enumerate(left) if f" {_bare(name)}".endswith(f" {o.label.casefold()}")), o.id)
    run = EngineRun("layout", "text", settings={"items": len(text.items), "matched": len(boxes)})
    return Proposal(boxes, text.background, run, Counts())


def _bare(name: str) -> str:
    """Without its article, in small letters."""
    first, _, rest = name.casefold().partition(" ")
    return rest if first in ("a", "an", "the", "some") and rest else name.casefold()


def _write_pictures(sample: Sample, folder: Path) -> None:
    """img_0.png and boxes.png, the layout on white; an older folder of that name is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "img_0.png").write_bytes(png_bytes(sample.image))
    layout = sample.layout
    if layout is not None and sample.target is not None:
        white = np.full((layout.height, layout.width, 3), 255, np.uint8)
        placed = [o.but(box=layout.boxes[o.id]) for o in sample.target.objects if o.id in layout.boxes]
        (folder / "boxes.png").write_bytes(png_bytes(overlay(white, placed, masks=False)))
