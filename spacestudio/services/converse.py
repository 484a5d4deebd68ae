"""What language models write before there is a picture: scene graphs and proposals for layouts, made to hold together.

A model's word is never taken as it is: graphs are made consistent, boxes are only wishes of the layout solver, and where a
model has no usable answer the built-in engine takes over and the sample says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import Field, StringConstraints

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.sample import EngineRun
from spacestudio.engines import LANGUAGE
from spacestudio.engines.language import scenes
from spacestudio.engines.language.talk import Counts, NoAnswer, Talk, messages_of
from spacestudio.engines.protocols import SceneWriter
from spacestudio.errors import InputError
from spacestudio.reasoning.absent import absent_clashes
from spacestudio.reasoning.consistency import explain, first_clash
from spacestudio.services.arrange import unique_names

BUILT_IN = "grammar"
"""The scene engine that takes over."""
SOLVER = "cp-sat"
"""The layout engine that settles every layout."""
AT_ONCE = 20
"""Names of scenes asked for at a time."""


@dataclass(frozen=True, eq=False)
class Written:
    """A scene graph, who wrote it, what that took, and what a person should know about it, a line each."""

    graph: SpatialGraph
    run: EngineRun
    counts: Counts = field(default_factory=Counts)
    warnings: tuple[str, ...] = ()


def talk_with(engine: str, seed: int = 0) -> Talk:
    """A conversation with a language model by its engine's name.

    Raises:
        UnknownName: no such engine.
        InputError: the engine is no language model.
        Unavailable: it can't be asked.
    """
    if LANGUAGE[engine].built_in:
        models = ", ".join(name for name, entry in LANGUAGE.items() if not entry.built_in)
        raise InputError(f"“{engine}” is no language model", models, "Choose one of these")
    return Talk(LANGUAGE.make(engine), seed)


def run_of_talk(stage: str, talk: Talk) -> EngineRun:
    """The run of a conversation, with its counts, for provenance."""
    chat = talk.chat
    return EngineRun(stage, chat.name, chat.version, {**chat.settings, "counts": talk.counts.facts}, talk.seed)


def imagine_scene(scene: str | None, seed: int, engine: str = BUILT_IN, strict: bool = True) -> Written:
    """A consistent scene graph from a scene name; None lets the engine choose.

    Args:
        scene: what to write about.
        seed: of the engine's dice.
        engine: its name in the registry.
        strict: with a model that gives no answer and a name the grammar does not know, fail rather than draw another scene.

    Raises:
        Unavailable: the engine can't run.
        InputError: the grammar knows no such scene.
        NoAnswer: the model gave none, and the grammar does not know the scene either.
    """
    if LANGUAGE[engine].built_in:
        return _by_rules(scene, seed, engine)
    talk = talk_with(engine, seed)
    try:
        graph, warnings = settled(scenes.write_scene(talk, scene), talk)
    except NoAnswer as why:
        return _taken_over(scene, seed, talk, why, strict)
    return Written(graph, run_of_talk("scene", talk), talk.counts, warnings)


def _by_rules(scene: str | None, seed: int, engine: str = BUILT_IN) -> Written:
    writer: SceneWriter = LANGUAGE.make(engine)
    graph = writer.imagine(scene, seed)
    return Written(graph, EngineRun("scene", writer.name, writer.version, dict(writer.settings), seed))


def _taken_over(scene: str | None, seed: int, talk: Talk, why: NoAnswer, strict: bool) -> Written:
    """The built-in engine's scene, and in its provenance whose place it took."""
    try:
        written = _by_rules(scene, seed)
    except InputError:
        if strict:
            raise
        written = _by_rules(None, seed)
    name = LANGUAGE[BUILT_IN].label
    run = _instead(written.run, talk, why)
    return Written(written.graph, run, talk.counts, (f"{why} {name} wrote this scene instead.",))


def _instead(run: EngineRun, talk: Talk, why: NoAnswer) -> EngineRun:
    """A built-in engine's run, and whose place it took."""
    model = run_of_talk(run.stage, talk)
    gone = {"engine": model.engine, "version": model.version, "settings": dict(model.settings), "because": why.why}
    return replace(run, settings={**run.settings, "instead_of": gone})


def settled(graph: SpatialGraph, talk: Talk) -> tuple[SpatialGraph, tuple[str, ...]]:
    """The graph without what can't be: of each irreducible clash the relation said last, and absent things that are there.

    What goes is counted and told.
    """
    names, told = unique_names(graph), []
    while clash := first_clash(graph):
        last = max(clash, key=graph.relations.index)
        graph = graph.but(relations=[r for r in graph if r is not last])
        told.append(f"Left out, as it was said last: {explain(clash, names)}")
    talk.note("contradiction", len(told))
    there = {clash.name for clash in absent_clashes(graph)}
    if there:
        graph = graph.but(negative_objects=tuple(n for n in graph.negative_objects if n not in there))
    return graph, tuple(told)


def scene_names(engine: str, count: int, seed: int, counts: list[Counts]) -> Iterator[str | None]:
    """Names for `count` scenes, asked of a model a few at a time; None where the engine is to choose by itself.

    Args:
        engine: its name in the registry.
        count: how many.
        seed: of the model's dice.
        counts: what asking took is appended.

    Raises:
        Unavailable: the model can't be asked.
    """
    if LANGUAGE[engine].built_in or count == 1:
        yield from [None] * count
        return
    told: list[str] = []
    while len(told) < count:
        talk = talk_with(engine, seed + len(told))
        try:
            fresh = scenes.scene_names(talk, min(AT_ONCE, count - len(told)), told)
        except NoAnswer:
            fresh = []
        finally:
            counts.append(talk.counts)
        if not fresh:
            yield from [None] * (count - len(told))
            return
        told += fresh
        yield from fresh


@dataclass(frozen=True, eq=False)
class Proposal:
    """Where a language model would put things on a canvas.

    Attributes:
        boxes: object id -> box px; what it gave no usable box is left to the solver.
        background: what is behind everything, in words; may be empty.
        run: for provenance.
        counts: what it took.
        warnings: what a person should know, a line each.
    """

    boxes: Mapping[str, Box]
    background: str
    run: EngineRun
    counts: Counts
    warnings: tuple[str, ...] = ()

    def shown(self, graph: SpatialGraph) -> SpatialGraph:
        """The graph with these boxes, as if a picture showed them: a layout keeps them as far as it can."""
        return graph.but(objects=tuple(o.but(box=self.boxes.get(o.id, o.box)) for o in graph.objects))


class Placed(scenes.Schema):
    """One box, as shares of the canvas: left edge, top edge, width, height."""

    id: scenes.Said
    x: float = Field(ge=-1, le=2)
    y: float = Field(ge=-1, le=2)
    width: float = Field(gt=0, le=2)
    height: float = Field(gt=0, le=2)


class Placement(scenes.Schema):
    """A box for each object, and what is behind them."""

    boxes: list[Placed] = Field(min_length=1, max_length=64)
    background: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)]


def propose_layout(graph: SpatialGraph, engine: str, seed: int, size: tuple[int, int]) -> Proposal:
    """Where a language model would put the graph's objects on a canvas of (width, height) px.

    A model without a usable answer proposes nothing: the solver then places everything, and the proposal says so.

    Raises:
        InputError: the engine is no language model.
        Unavailable: it can't be asked.
    """
    task = (
        "Place the objects in DATA on a canvas whose top left corner is (0, 0) and whose bottom right corner is (1, 1): one "
        "box for each id, inside the canvas, so that all relations hold, sizes are plausible and little overlaps. Give a "
        "short background that names none of the objects and nothing absent."
    )
    data = {
        "scene": graph.scene,
        "objects": [{"id": o.id, "name": o.name} for o in graph.objects],
        "relations": [
            {"subject": r.subject, "relation": r.predicate, "object": r.object} for r in graph if r.verdict == "true"
        ],
        "absent": [*graph.negative_objects],
    }

    def check(found: Placement) -> str:
        given = [b.id for b in found.boxes]
        return "" if set(given) == set(graph.ids) and len(given) == len(graph) else "Give one box for each id in DATA"

    talk = talk_with(engine, seed)
    try:
        found = talk.ask(messages_of(task, data, Placement), Placement, check)
    except NoAnswer as why:
        run = _instead(EngineRun("layout", SOLVER, seed=seed), talk, why)
        return Proposal({}, "", run, talk.counts, (f"{why} The solver placed everything.",))
    boxes = {b.id: Box(b.x, b.y, b.x + b.width, b.y + b.height).scaled(*size).clipped(*size) for b in found.boxes}
    run = run_of_talk("layout", talk)
    return Proposal(boxes, found.background, replace(run, settings={**run.settings, "solver": SOLVER}), talk.counts)


def total(counts: Sequence[Counts]) -> Counts:
    """All together."""
    return sum(counts, Counts())
