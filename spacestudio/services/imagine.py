"""Scene name or target graph -> layout -> picture."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.events import Event, Wants
from spacestudio.domain.graph import Relation, SpatialGraph, Verdict
from spacestudio.domain.layout import Layout
from spacestudio.domain.sample import EngineRun, Sample
from spacestudio.engines import IMAGINE, LANGUAGE
from spacestudio.engines.progress import Listener, Told
from spacestudio.engines.protocols import Imaginer, Rendered, Source
from spacestudio.errors import Cancelled, Unavailable
from spacestudio.services.arrange import plan
from spacestudio.services.begin import from_render
from spacestudio.services.converse import Proposal
from spacestudio.services.estimate import Estimate, estimate
from spacestudio.services.find import Found, find
from spacestudio.store.blobs import Blobs

CANVAS = (512, 512)
"""Canvas of a synthesised scene, px (SEEDS 2.2)."""
AGAIN = 2
"""Pictures made again unasked when a relation fails, at most."""
RULE = "most relations verified, then fewest failed, then the first made"
"""Which of several pictures is the best."""
T = TypeVar("T")


@dataclass(frozen=True)
class Looks:
    """Which engines measure a picture whose own engine can't know what it drew.

    Empty: the model named here first, and where it can't run the built-in engine, which is then said.
    """

    objects: str = ""
    depth: str = ""
    masks: str = "grabcut"


DETECTOR, BLIND = "owlv2", "proposals"
"""Finds what was asked for by name, and what stands in for it: regions without names, so that nothing is verified."""
METER, CUES = "depth-anything-v2-small", "cues"
"""Learned depth, and what stands in for it."""


def render(
    layout: Layout, source: Source | None = None, engine: str = "compositor", seed: int = 0
) -> tuple[Rendered, EngineRun]:
    """A picture of a layout by a named engine."""
    imaginer: Imaginer = IMAGINE.make(engine)
    rendered = imaginer.render(layout, source, seed)
    return rendered, EngineRun("image", imaginer.name, imaginer.version, dict(imaginer.settings), seed)


def measure(
    image: NDArray[np.uint8], asked: SpatialGraph, looks: Looks = Looks()
) -> tuple[Estimate, Found, tuple[str, ...]]:
    """Depth and objects of an (H, W, 3) uint8 picture that should show a graph, and what to know about them.

    Looked for are the labels of what is asked and of what must not appear. No id is one of the asked: who stands for whom
    is for the verification to say.

    Raises:
        Unavailable: an engine that was chosen can't run here.
    """
    labels = list(dict.fromkeys([*(o.label for o in asked.objects), *asked.negative_objects]))
    notes: list[str] = []
    made = _either(looks.depth, METER, CUES, lambda name: estimate(image, name), "Depth was measured", notes)
    found = _either(
        looks.objects,
        DETECTOR,
        BLIND,
        lambda name: find(image, made.depth, name, labels, looks.masks, asked.ids),
        "Objects were looked for",
        notes,
    )
    return made, found, tuple(notes)


def _either(chosen: str, model: str, built_in: str, work: Callable[[str], T], what: str, notes: list[str]) -> T:
    if chosen:
        return work(chosen)
    try:
        return work(model)
    except Unavailable as why:
        notes.append(f"{what} by the built-in engine “{built_in}”, because “{model}” can't run: {why}")
        return work(built_in)


def draw(
    layout: Layout, asked: SpatialGraph, source: Source | None, engine: str, seed: int, looks: Looks = Looks()
) -> tuple[Rendered, EngineRun, tuple[Estimate, Found] | None]:
    """A picture of a layout, who made it, and depth and objects found in it where its engine does not know them."""
    rendered, run = render(layout, source, engine, seed)
    if rendered.known:
        return rendered, run, None
    made, found, notes = measure(rendered.image, asked, looks)
    return replace(rendered, notes=(*rendered.notes, *notes)), run, (made, found)


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


def standing(verdicts: Iterable[Verdict]) -> tuple[int, int]:
    """How good a picture is by its verdicts, smaller is better: `RULE` as a key."""
    known = list(verdicts)
    return -known.count("true"), known.count("false")


def overheard(work: Callable[[Listener], Iterator[T]]) -> Iterator[T | Told]:
    """What long work yields, and between that what it tells; of several things told at once only the newest.

    The work has a thread of its own. When nobody takes from this iterator any more, it is stopped at its next step.

    Raises:
        Exception: whatever the work raises.
    """
    heard: queue.SimpleQueue[T | Told | _Ended] = queue.SimpleQueue()
    left = threading.Event()

    def hear(step: Told) -> None:
        if left.is_set():
            raise Cancelled("Nobody waits for it")
        heard.put(step)

    def run() -> None:
        why: BaseException | None = None
        try:
            for made in work(hear):
                heard.put(made)
                if left.is_set():
                    break
        except BaseException as error:
            why = error
        heard.put(_Ended(why))

    threading.Thread(target=contextvars.copy_context().run, args=(run,), name="pictures", daemon=True).start()
    try:
        while not isinstance(item := heard.get(), _Ended):
            if not isinstance(item, Told) or heard.empty():
                yield item
        if item.why is not None:
            raise item.why
    finally:
        left.set()


@dataclass(frozen=True, eq=False)
class _Ended:
    why: BaseException | None


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
    notes: Sequence[str] = (),
    proposal: Proposal | None = None,
    looks: Looks = Looks(),
) -> Imagined:
    """A new sample whose picture shows the graph.

    Args:
        graph: what to show.
        blobs: where pictures and depth are put.
        seed: of layout and picture.
        engine: the image engine.
        scene_run: who wrote the graph.
        name: what to call the sample; the scene's name when empty.
        notes: what a person should know about the graph, a line each.
        proposal: where a language model would put things; the solver keeps to it as far as the relations let it.
        looks: what measures the picture where the image engine can't know what it drew.

    Raises:
        Unavailable, Cancelled: from an engine; nothing was put into `blobs` then.
        ImpossibleGraph: its relations clash.
        LayoutError: they agree, yet do not fit the canvas.
    """
    writer = LANGUAGE.load("grammar")
    background = writer.background_of(graph.scene)
    if proposal is None:
        layout = plan(graph, None, None, CANVAS, seed, background)
        layout_run = EngineRun("layout", "cp-sat", settings={}, seed=seed)
    else:
        layout = plan(graph, proposal.shown(graph), None, CANVAS, seed, proposal.background or background)
        layout_run, notes = proposal.run, (*notes, *proposal.warnings)
    rendered, run, measured = draw(layout, graph, None, engine, seed, looks)
    rendered = replace(rendered, notes=(*notes, *rendered.notes))
    runs = [r for r in (scene_run, layout_run, run) if r is not None]
    sample_id, events = from_render(rendered, layout, graph, runs, blobs, name or graph.scene or "scene", measured=measured)
    return Imagined(sample_id, events)
