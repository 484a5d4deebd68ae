"""Scene name or target graph -> layout -> picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spacestudio.domain.boxes import Box
from spacestudio.domain.events import Event, Wants
from spacestudio.domain.graph import Relation, SpatialGraph, Verdict
from spacestudio.domain.layout import Layout
from spacestudio.domain.sample import EngineRun, Sample
from spacestudio.engines import IMAGINE, LANGUAGE
from spacestudio.engines.protocols import Imaginer, Rendered, SceneWriter, Source
from spacestudio.services.arrange import plan
from spacestudio.services.begin import from_render
from spacestudio.store.blobs import Blobs

CANVAS = (512, 512)
"""Canvas of a synthesised scene, px (SEEDS 2.2)."""


def imagine_scene(scene: str | None, seed: int, engine: str = "grammar") -> tuple[SpatialGraph, EngineRun]:
    """A scene graph from a scene name (None: one of the engine's choice)."""
    writer: SceneWriter = LANGUAGE.load(engine)()
    return writer.imagine(scene, seed), EngineRun("scene", writer.name, writer.version, dict(writer.settings), seed)


def render(
    layout: Layout, source: Source | None = None, engine: str = "compositor", seed: int = 0
) -> tuple[Rendered, EngineRun]:
    """A picture of a layout by a named engine."""
    imaginer: Imaginer = IMAGINE.load(engine)()
    rendered = imaginer.render(layout, source, seed)
    return rendered, EngineRun("image", imaginer.name, imaginer.version, dict(imaginer.settings), seed)


def layout_for(sample: Sample, target: SpatialGraph, wants: Wants, seed: int) -> Layout:
    """Where a candidate's things go: seed 0 gives the sample's own layout, another seed another one.

    Then some things that relations were asked of, drawn by lot from the seed, no longer claim the place they have in the
    picture. What nothing was asked of stays as far as it can, and what the person placed stays where it was put.

    Raises:
        ImpossibleGraph, LayoutError: there is none.
    """
    size = sample.width, sample.height
    if not seed:
        return plan(target, sample.graph, wants, size)
    asked = [i for i in target.ids if i not in wants.boxes and any(i in (r.subject, r.object) for r in target)]
    lots = np.random.default_rng(seed).random(len(asked)) < 0.5
    loose = [i for i, lot in zip(asked, lots, strict=True) if lot] or asked[seed % max(1, len(asked)) :][:1]
    return plan(target, _without_places(sample.graph, loose), wants, size, seed)


def layout_around(
    sample: Sample, target: SpatialGraph, wants: Wants, layout: Layout, loose: Iterable[str], seed: int
) -> Layout:
    """Another layout of the target in which only the named things may move; every other box of `layout` stays.

    Raises:
        LayoutError: nothing else fits around them.
    """
    loose = set(loose) - set(wants.boxes)
    held = {i: list(box.xyxy) for i, box in layout.boxes.items() if i not in loose}
    return plan(
        target, _without_places(sample.graph, loose), replace(wants, boxes=held), (layout.width, layout.height), seed
    )


def _without_places(graph: SpatialGraph, ids: Iterable[str]) -> SpatialGraph:
    """The graph with no box for these things, so that a layout owes them no place."""
    gone = set(ids)
    return graph.but(objects=tuple(o.but(box=Box(0, 0, 0, 0)) if o.id in gone else o for o in graph.objects))


RANK: Mapping[Verdict, int] = {"false": 0, "undecided": 1, "true": 2}


def to_mend(verdicts: Sequence[Relation]) -> tuple[Relation, ...]:
    """The relations to try again: the failed ones, where none failed the undecided ones."""
    failed = tuple(r for r in verdicts if r.verdict == "false")
    return failed or tuple(r for r in verdicts if r.verdict == "undecided")


def is_better(new: Sequence[Relation], old: Sequence[Relation]) -> bool:
    """Whether verdicts on the same asked relations rose: none fell, and one rose."""
    steps = [RANK[a.verdict] - RANK[b.verdict] for a, b in zip(new, old, strict=True)]
    return min(steps, default=0) >= 0 and max(steps, default=0) > 0


def source_of(sample: Sample) -> Source:
    """The photo a regenerated picture takes its cut-outs and background from."""
    return Source(sample.image, sample.objects, sample.depth)


@dataclass(frozen=True, eq=False)
class Imagined:
    """A synthesised scene: its id and first events."""

    id: str
    events: list[Event]


def synthesize(
    graph: SpatialGraph,
    blobs: Blobs,
    seed: int = 0,
    engine: str = "compositor",
    scene_run: EngineRun | None = None,
    name: str = "",
) -> Imagined:
    """A new sample whose picture shows the graph.

    Raises:
        ImpossibleGraph: its relations clash.
        LayoutError: they agree, yet do not fit the canvas.
    """
    writer = LANGUAGE.load("grammar")
    layout = plan(graph, None, None, CANVAS, seed, writer.background_of(graph.scene))
    rendered, run = render(layout, None, engine, seed)
    runs = [r for r in (scene_run, EngineRun("layout", "cp-sat", settings={}, seed=seed), run) if r is not None]
    sample_id, events = from_render(rendered, layout, graph, runs, blobs, name or graph.scene or "scene")
    return Imagined(sample_id, events)
