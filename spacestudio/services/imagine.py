"""Scene name or target graph -> layout -> picture."""

from __future__ import annotations

from dataclasses import dataclass

from spacestudio.domain.events import Event
from spacestudio.domain.graph import SpatialGraph
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
