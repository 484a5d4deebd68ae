"""A sample's training text as the screen shows it: each name and predicate with the boxes it points at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.grounded import Grounded, Mention, Span
from spacestudio.domain.sample import Sample
from spacestudio.figures.style import ink_on, object_colors
from spacestudio.formats.asv2 import encode
from spacestudio.relations.words import read
from spacestudio.services.arrange import unique_names
from spacestudio.services.tell import told

MOST = 60
"""Exchanges shown of a style; all are exported."""
MOST_RELATIONS, MOST_NUMBERS = 6, 8
PLAIN = frozenset({"proximity", "sr4g"})
"""Styles exported as plain text; the others point at boxes (ASv2, SEEDS 1.2)."""


def text_payload(s: Sample, style: str) -> tuple[dict[str, Any], int]:
    """The picture, its boxes and the first exchanges of a style, for the page; and how many exchanges there are.

    Boxes are in picture px. A span names its objects by id: `subjects` of a name are the objects it stands for.

    Raises:
        UnknownName: no such style.
    """
    exchanges = told(s).exchanges.get(style, ())
    colors, names = object_colors(s.graph.ids), unique_names(s.graph)
    boxes = [
        {
            "id": o.id,
            "label": names[o.id],
            **dict(zip(("x0", "y0", "x1", "y1"), o.box.xyxy, strict=True)),
            "color": colors[o.id],
            "ink": ink_on(colors[o.id]),
        }
        for o in s.objects
    ]
    shown = [
        {
            "question": passage(s, e.question, style in PLAIN),
            "answer": passage(s, e.answer, style in PLAIN),
            "facts": fact_lines(s.graph, e.facts),
            "model": e.origin == "model",
        }
        for e in exchanges[:MOST]
    ]
    value = {"key": s.id, "image": s.image, "width": s.width, "height": s.height, "boxes": boxes, "exchanges": shown}
    return value, len(exchanges)


def passage(s: Sample, text: Grounded, plain: bool = False) -> dict[str, Any]:
    """A text's spans, and `raw`: exactly what is exported."""
    boxes = {o.id: o.box for o in s.objects}
    raw = text.plain if plain else encode(text, boxes, s.width, s.height)
    return {"spans": [_span(span) for span in text.spans], "raw": raw}


def _span(span: Span) -> dict[str, Any]:
    if isinstance(span, str):
        return {"text": span}
    if isinstance(span, Mention):
        return {"text": span.text, "kind": "name", "subjects": list(span.objects)}
    return {"text": span.text, "kind": "predicate", "subjects": list(span.subjects), "objects": list(span.objects)}


def fact_lines(graph: SpatialGraph, facts: Mapping[str, Any]) -> list[str]:
    """What an answer rests on, a line each: relations with margin and threshold, numbers, assumptions."""
    names = unique_names(graph)
    lines = []
    for r in facts.get("relations", ())[:MOST_RELATIONS]:
        subject, object_ = (names.get(r[end], r[end]) for end in ("subject", "object"))
        margin, needs = (format(float(r.get(n, 0)), sign) for n, sign in (("margin", "+.3f"), ("threshold", ".3f")))
        because = "set by a person" if r.get("origin") == "person" else f"margin {margin}, needs {needs}"
        frame = r.get("frame", "image")
        lines.append(f"{subject} {read(r['predicate'])} {object_}: {r['verdict']} ({frame} frame, {because})")
    for name, value in list(facts.get("numbers", {}).items())[:MOST_NUMBERS]:
        several = isinstance(value, Mapping)
        said = ", ".join(f"{part} {number}" for part, number in value.items()) if several else value
        lines.append(f"{names.get(name, name)}: {said}")
    if assumed := facts.get("assumed"):
        lines.append(f"assumed: {'; '.join(map(str, assumed))}")
    return lines
