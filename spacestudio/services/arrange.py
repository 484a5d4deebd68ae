"""Layout: target graph -> layout, or the smallest clash in plain words."""

from __future__ import annotations

import functools
import math

from spacestudio.domain.boxes import Box
from spacestudio.domain.events import Wants
from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.engines import IMAGINE, LANGUAGE
from spacestudio.errors import ImpossibleGraph
from spacestudio.layouts.solver import Request, arrange
from spacestudio.reasoning.consistency import explain, first_clash


def check(asked: SpatialGraph) -> None:
    """Raise ImpossibleGraph with an irreducible clash when the asked relations can't hold together."""
    if clash := first_clash(asked):
        names = unique_names(asked)
        raise ImpossibleGraph((r.triple for r in clash), explain(clash, names))


def unique_names(graph: SpatialGraph) -> dict[str, str]:
    """Object id -> what to call it in a sentence; things of one name are told apart by their id."""
    names = [o.name for o in graph.objects]
    return {o.id: o.name if names.count(o.name) == 1 else f"{o.name} ({o.id})" for o in graph.objects}


def plan(
    asked: SpatialGraph,
    shown: SpatialGraph | None,
    wants: Wants | None,
    size: tuple[int, int],
    seed: int = 0,
    background: str = "",
) -> Layout:
    """Where the target's objects go.

    Args:
        asked: objects and the relations a new picture must show.
        shown: the graph of the picture it starts from; its objects stay where they are as far as they can.
        wants: boxes and depth order the person set, and their prompts.
        size: (width, height) of the canvas, px.

    Raises:
        ImpossibleGraph: the relations clash.
        LayoutError: they agree, yet do not fit the canvas.
    """
    check(asked)
    kept = {o.id: o.box for o in shown.objects if o.id in asked and o.box.area > 0} if shown else {}
    wants = wants or Wants()
    names = {o.id: o.name for o in asked.objects}
    prompts = prompts_of(asked, background) | {k: v for k, v in wants.prompt.items() if v}
    order = tuple(i for i in wants.order if i in names) if wants.order else None
    if order is not None and set(order) != set(names):
        order = None
    return arrange(
        Request(
            asked,
            size[0],
            size[1],
            present=kept,
            fixed={i: Box.spanning(*box).clipped(*size) for i, box in wants.boxes.items() if i in names},
            order=order,
            present_order=_present_order(shown, names),
            sizes=typical_sizes(),
            background=prompts["background"],
            prompt=prompts["prompt"],
            negative_prompt=prompts["negative_prompt"],
            seed=seed,
        )
    )


def _present_order(shown: SpatialGraph | None, names: dict[str, str]) -> tuple[str, ...]:
    """Ids nearest first as the shown picture has them, by its own (corrected) depth relations; () without depth."""
    if shown is None or all(o.depth is None for o in shown.objects):
        return ()
    nearer = {o.id: 0 for o in shown.objects}
    for r in shown:
        if r.predicate == "in front of" and r.verdict == "true":
            nearer[r.subject] += 1
    return tuple(sorted((i for i in nearer if i in names), key=lambda i: -nearer[i]))


@functools.cache
def typical_sizes() -> dict[str, tuple[float, float]]:
    """Label -> typical (width, height) in metres by common sense, in the proportion of its drawing if it has one."""
    sizes: dict[str, tuple[float, float]] = LANGUAGE.load("grammar").typical_sizes()
    for label, aspect in IMAGINE.load("compositor").aspects().items():
        if label in sizes:
            side = math.sqrt(sizes[label][0] * sizes[label][1])
            sizes[label] = side * math.sqrt(aspect), side / math.sqrt(aspect)
    return sizes


def prompts_of(graph: SpatialGraph, background: str = "") -> dict[str, str]:
    """Background, full and negative prompt for text-to-image models, from a graph."""
    from spacestudio.relations.words import statement

    names = {o.id: o.name for o in graph.objects}
    facts = [statement(r, names) for r in graph if r.verdict == "true"][:8]
    scene = graph.scene or "a scene"
    things = ", ".join(names[o.id] for o in graph.objects)
    return {
        "background": background or graph.scene,
        "prompt": f"{scene} with {things}. {'; '.join(facts)}".strip(". "),
        "negative_prompt": ", ".join(graph.negative_objects),
    }
