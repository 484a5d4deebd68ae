"""Training text for the page: spans point at objects that are there, raw text is what is exported, facts are lines."""

from __future__ import annotations

from spacestudio.domain.grounded import Exchange, Grounded, Mention, Predicate
from spacestudio.domain.sample import Sample
from spacestudio.figures.style import object_colors
from spacestudio.formats.asv2 import decode
from spacestudio.qa.known import fact
from spacestudio.services.shown_text import MOST, fact_lines, text_payload
from tests.formats.made import full_sample


def told_sample(count: int = 1, style: str = "style") -> Sample:
    s = full_sample()
    relation = next(r for r in s.graph if (r.subject, r.object, r.family) == ("ball-1", "lamp-1", "direction"))
    answer = Grounded(
        ("The ", Mention("ball", ("ball-1",)), " is ", Predicate("left of", ("ball-1",), ("lamp-1",)), "\nit.")
    )
    facts = {
        "relations": [fact(relation)],
        "numbers": {"gap": 0.25, "ball-1": {"depth": 0.19, "valid": 1.0}},
        "assumed": ["a 60° camera"],
    }
    exchange = Exchange("k", Grounded(("Where?",)), answer, facts, "model")
    return s.but(exchanges={style: (exchange,) * count})


def test_spans_point_at_objects_by_id() -> None:
    s = told_sample()
    value, count = text_payload(s, "style")
    assert count == 1
    assert (value["width"], value["height"], value["key"]) == (s.width, s.height, s.id)
    (shown,) = value["exchanges"]
    assert shown["model"]
    assert shown["question"] == {"spans": [{"text": "Where?"}], "raw": "Where?"}
    _, name, _, predicate, tail = shown["answer"]["spans"]
    assert name == {"text": "ball", "kind": "name", "subjects": ["ball-1"]}
    assert predicate == {"text": "left of", "kind": "predicate", "subjects": ["ball-1"], "objects": ["lamp-1"]}
    assert tail == {"text": "\nit."}
    box = next(b for b in value["boxes"] if b["id"] == "ball-1")
    assert (box["x0"], box["y0"], box["x1"], box["y1"]) == s.graph["ball-1"].box.xyxy
    assert {b["id"]: b["color"] for b in value["boxes"]} == object_colors(s.graph.ids)


def test_raw_text_is_what_is_exported() -> None:
    s = told_sample()
    raw = text_payload(s, "style")[0]["exchanges"][0]["answer"]["raw"]
    back = decode(raw, s.width, s.height)
    assert back.well_formed
    assert [p.text for p in back.grounded.predicates] == ["left of"]
    plain = text_payload(told_sample(style="proximity"), "proximity")[0]["exchanges"][0]["answer"]["raw"]
    assert plain == "The ball is left of\nit."


def test_only_the_first_exchanges_are_shown_and_all_are_counted() -> None:
    value, count = text_payload(told_sample(MOST + 5), "style")
    assert (len(value["exchanges"]), count) == (MOST, MOST + 5)
    assert text_payload(told_sample(), "another")[0]["exchanges"] == []


def test_facts_are_lines_with_margin_threshold_and_assumption() -> None:
    s = told_sample()
    first, *others = fact_lines(s.graph, s.exchanges["style"][0].facts)
    assert first.startswith("ball ")
    assert "(image frame, margin " in first
    assert ", needs " in first
    assert others[0] == "gap: 0.25"
    assert others[1].endswith("ball: depth 0.19, valid 1.0")
    assert others[2:] == ["assumed: a 60° camera"]
    assert fact_lines(s.graph, {}) == []
    own = [{"subject": "ball-1", "predicate": "left of", "object": "lamp-1", "verdict": "true", "origin": "person"}]
    assert fact_lines(s.graph, {"relations": own})[0].endswith("(image frame, set by a person)")
