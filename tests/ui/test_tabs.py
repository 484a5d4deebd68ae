"""What the tabs work out and say, without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from spacestudio.domain.events import Event
from spacestudio.domain.sample import Sample
from spacestudio.domain.space import OrientedBox, Space
from spacestudio.reasoning.consistency import redundant
from spacestudio.services import judge
from spacestudio.services.studio import Studio, can_step
from spacestudio.store.database import Listed
from spacestudio.ui.frame import Look
from spacestudio.ui.tabs import dataset, graph, space

OWNER = "owner-of-these-tests-0001"


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: Any) -> tuple[Studio, Sample]:
    studio = Studio(Path(tmp_path_factory.mktemp("kitchen")))
    return studio, studio.open(OWNER, studio.imagine(OWNER, "kitchen", 7))


def test_a_folded_panel_of_the_graph_tab_costs_nothing_and_an_unfolded_one_is_filled(
    kitchen: tuple[Studio, Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, s = kitchen
    asked: list[str] = []
    fill = dict(graph.PANELS)
    spied = {n: lambda s, rules, n=n: [asked.append(n), *fill[n](s, rules)][1:] for n in fill}
    monkeypatch.setattr(graph, "PANELS", spied)
    controls = [graph.SHOWN_FAMILIES, "main", "", None, None, [], "visor", [], ""]
    look = Look(studio, OWNER, s, "")
    folded = graph.draw(look, *controls, False, False, False)
    assert asked == []
    one = graph.draw(look, *controls, False, False, True)
    assert asked == ["rules"]
    assert len(folded) == len(one) == len(graph.draw(Look(studio, OWNER, None, ""), *controls, False, False, False))
    place = next(k for k, (a, b) in enumerate(zip(folded, one, strict=True)) if a == gr.skip() != b)
    assert one[place] == graph.ruled_rows(s, "visor") != []


def test_what_others_imply_leaves_out_what_is_only_said_backwards(kitchen: tuple[Studio, Sample]) -> None:
    s = kitchen[1]
    because = {r.key: reasons for r, reasons in redundant(s.graph)}
    backwards = {k for k, reasons in because.items() if [r.key for r in reasons] == [(k[1], k[0], *k[2:])]}
    assert backwards
    shown = graph.chosen_relations(s, list(graph.FAMILIES), "", "implied", "")
    assert shown
    assert not {r.key for r in shown} & backwards
    told = {frozenset((*r.key[:2],)) | {r.family, r.frame} for r in shown}
    other = set(because) - backwards
    assert told == {frozenset(k[:2]) | {k[2], k[3]} for k in other}
    needed = graph.chosen_relations(s, list(graph.FAMILIES), "", "needed", "")
    assert not {r.key for r in needed} & set(because)


@pytest.mark.parametrize(
    ("lowest", "words"),
    [
        (0.314, "0.31 relative units above the floor"),
        (-0.271, "0.27 relative units below the floor as estimated"),
        (0.004, "on the floor"),
        (-0.004, "on the floor"),
        (None, "–"),
    ],
)
def test_heights_and_sides_say_their_unit_and_what_lies_below_the_floor(
    kitchen: tuple[Studio, Sample], lowest: float | None, words: str
) -> None:
    s = kitchen[1]
    one = s.objects[0].id
    box = OrientedBox(np.zeros(3), np.eye(3), np.array([3.0, 2.0, 1.0]))
    heights = {} if lowest is None else {one: (lowest, lowest + 1)}
    assert s.cloud is not None
    assert s.cloud.unit != "m"
    name = {one: "cup"}
    assert space.placed_rows(name, s.but(space=Space(None, {one: box}, heights))) == [
        ["cup", "3.00 × 2.00 × 1.00 relative units", words]
    ]


@pytest.fixture(scope="module")
def many(tmp_path_factory: Any) -> Studio:
    """A visitor with 60 samples: every third is a hall."""
    studio = Studio(Path(tmp_path_factory.mktemp("many")))
    events = studio.open(OWNER, studio.imagine(OWNER, "kitchen", 7)).events
    studio.delete(OWNER, studio.samples(OWNER)[0].id)
    for k in range(60):
        made = dict(events[0].payload) | {"name": f"Hall {k}" if k % 3 == 0 else f"kitchen {k}"}
        studio._create(OWNER, f"made-{k:08x}", [Event(1, "created", made), *events[1:]])
    return studio


def listed(studio: Studio, text: str = "", status: str = "", page: int = 0, marked: Any = ()) -> list[Any]:
    return dataset.list_values(studio, OWNER, text, status, page, marked)


def test_samples_are_found_by_name_and_review_a_page_at_a_time(many: Studio) -> None:
    words, rows, ticks, page, marked, every = listed(many, "hall", page=99, marked=["made-00000000", "gone"])
    assert words == "1–20 of 20 that the filter leaves, 60 samples in all · **1** chosen"
    assert [row[1] for row in rows] == [f"Hall {k}" for k in range(0, 60, 3)]
    assert (page, marked, len(every)) == (0, ["made-00000000"], 60)
    assert ticks["value"] == ["made-00000000"]
    words, rows, ticks, page, *_ = listed(many, page=2, marked=every)
    assert words == "49–60 of 60 samples · **60** chosen"
    assert (len(rows), rows[0][0], len(ticks["choices"]), page) == (12, "49", 12, 2)
    assert listed(many, "no such name")[0] == "The filter leaves none of 60 samples · **0** chosen"
    assert [e.id for e in dataset.found_samples([Listed("a-1", "Cup", "draft", None, 1)], "A-1", "")] == ["a-1"]


def test_several_samples_are_judged_and_deleted_together(many: Studio) -> None:
    ids = [entry.id for entry in many.samples(OWNER)]
    assert many.review(OWNER, [*ids[:5], ids[0], "gone"], "flagged") == 5
    assert many.review(OWNER, ids[:6], "flagged") == 1
    assert [row[-1] for row in listed(many, status="flagged")[1]] == ids[:6]
    assert many.open(OWNER, ids[0]).review == "flagged"
    assert can_step(many.open(OWNER, ids[0]))[0]
    assert many.undo(OWNER, ids[0]).review == "draft"

    many.begin_draft(OWNER, ids[7])  # a preview that waits takes the review along
    thing = many.open(OWNER, ids[7]).objects[0].id
    many.act(OWNER, ids[7], lambda s: judge.edit_object(s, thing, label="mug"))
    many.review(OWNER, [ids[7]], "accepted")
    many.apply(OWNER, ids[7])
    assert many.open(OWNER, ids[7]).review == "accepted"

    open_one = many.open(OWNER, ids[1])
    look = Look(many, OWNER, open_one, "")
    done = dataset._bulk(look, (dataset.DELETE, [ids[1], ids[2], "gone"]))
    assert [entry.id for entry in many.samples(OWNER)] == [ids[0], *ids[3:]]
    assert (done.sample, done.note) == (ids[-1], "2 deleted.")
    assert dataset._bulk(look, ("accepted", ids[3:6])).note == "3 accepted."
