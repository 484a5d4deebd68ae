"""What the graph canvas may send and be sent beyond arrows: names with attributes, several at once, ways out, thumbnails."""

from __future__ import annotations

import base64
import io
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from spacestudio.services import judge
from spacestudio.services.studio import Studio
from spacestudio.ui.components.graph_editor import GraphEditor
from spacestudio.ui.components.payload import thumbnail
from spacestudio.ui.tabs import graph

NAME = {"op": "rename", "id": "cup", "label": "mug", "attributes": ["white", " small "], "rev": 3}
DELETE = {"op": "delete", "id": "cup", "ids": ["spoon", "plate"], "rev": 3}


def test_edits_of_the_canvas_are_typed() -> None:
    assert GraphEditor.read(NAME).attributes == ("white", "small")
    assert GraphEditor.read({k: v for k, v in NAME.items() if k != "attributes"}).attributes is None
    assert GraphEditor.read(DELETE).ids == ("spoon", "plate")
    assert GraphEditor.read({"op": "repair", "id": "0123456789abcdef"}).op == "repair"


@pytest.mark.parametrize(
    "change",
    [
        {"attributes": [""]}, {"attributes": ["x" * 31]}, {"attributes": ["a"] * 9}, {"attributes": ["two\nlines"]}, {"attributes": "red"},
        {"attributes": [{"path": "settings.toml", "meta": {"_type": "gradio.FileData"}}]}, {"attributes": ["a\u202eb"]}, {"label": ""},
        {"ids": ["../etc"]}, {"ids": "cup"}, {"ids": ["a"] * 501}, {"op": "repair", "id": "no spaces"},
    ],
)  # fmt: skip
def test_hostile_edits_of_the_canvas_are_refused_in_one_line(change: dict[str, Any]) -> None:
    with pytest.raises(gr.Error) as caught:
        GraphEditor.read(gr.EventData(None, NAME | change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"edges": [{"id": "e", "source": "a", "target": "b", "relation": "on", "clash": 1}]},
        {"edges": [{"id": "e", "source": "a", "target": "b", "relation": "on", "clash": -2}]},
        {"clashes": [{"words": "w" * 601}]}, {"clashes": [{"words": "", "ways": [{"id": "a b", "words": ""}]}]},
        {"clashes": [{"words": ""}] * 41}, {"nodes": [{"id": "a", "thumb": "data:image/svg+xml;base64,PHN2Zz4="}, {"id": "b"}]},
        {"nodes": [{"id": "a", "thumb": "data:image/jpeg;base64," + "A" * 28_000}, {"id": "b"}]},
        {"nodes": [{"id": "a", "thumb": 'data:image/jpeg;base64,"'}, {"id": "b"}]},
    ],
)  # fmt: skip
def test_what_the_canvas_is_sent_is_checked_too(change: dict[str, Any]) -> None:
    sound = {
        "nodes": [{"id": "a"}, {"id": "b"}],
        "edges": [{"id": "e", "source": "a", "target": "b", "relation": "on", "clash": 0}],
        "clashes": [{"words": "both can't hold", "ways": [{"id": "w1", "words": "Drop one."}]}],
    }
    value = GraphEditor().postprocess(sound)
    assert value is not None
    assert value.clashes[value.edges[0].clash].ways[0].words == "Drop one."
    with pytest.raises(gr.Error):
        GraphEditor().postprocess(sound | change)


def test_thumbnails_show_the_object_and_are_made_once() -> None:
    image = np.zeros((80, 120, 3), np.uint8)
    image[20:60, 70:110] = (200, 30, 30)
    image.flags.writeable = False
    text = thumbnail(image, (70, 20, 110, 60))
    assert thumbnail(image, (70, 20, 110, 60)) is text
    small = np.asarray(Image.open(io.BytesIO(base64.b64decode(text.split(",")[1]))))
    assert small.shape == (56, 56, 3)
    assert np.abs(small.reshape(-1, 3).mean(0) - (200, 30, 30)).max() < 6
    wide = thumbnail(image, (0, 30, 120, 34))  # a thin box still gives a square cut
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(wide.split(",")[1])))).shape == (56, 56, 3)
    assert thumbnail(image, (500, 500, 600, 600)) == ""
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert len(thumbnail(noise, (0, 0, 300, 300))) < 28_000


def test_each_arrow_in_conflict_names_its_contradiction_and_ways_out_that_work(tmp_path: Any) -> None:
    studio = Studio(tmp_path)
    sample_id = studio.imagine("anna", "kitchen")
    a, b, c = (o.id for o in studio.open("anna", sample_id).objects[:3])
    for one, other in ((a, b), (b, c), (c, a)):
        studio.act("anna", sample_id, lambda s, x=one, y=other: judge.correct_relation(s, x, "left of", y))
    s = studio.open("anna", sample_id)
    assert s.clashes
    for (subject, object_, family, frame), k in graph.clash_places(s).items():
        assert any(
            {r.subject, r.object} == {subject, object_} for r in s.clashes[k] if (r.family, r.frame) == (family, frame)
        )
    mentioned = {r.key for clash in s.clashes for r in clash}
    assert mentioned <= set(graph.clash_places(s))
    shown = graph.chosen_relations(s, [], "main", "clash", "")
    assert {frozenset((r.subject, r.object)) for r in shown} == {frozenset(k[:2]) for k in mentioned}

    last = s.clashes[-1]
    ways = graph.ways_out(s, last[0].key)
    assert ways
    assert len({graph.way_id(way) for way in ways}) == len(ways)
    clash = graph.clash_of(s, last[0].key)
    for way in ways:
        draft = studio.foresee("anna", sample_id, lambda x, w=way: judge.repair(x, w))
        assert {r.key for r in clash} not in [{r.key for r in left} for left in draft.after.clashes]


def test_several_objects_go_as_one_step(tmp_path: Any) -> None:
    studio = Studio(tmp_path)
    sample_id = studio.imagine("anna", "kitchen")
    ids = studio.open("anna", sample_id).graph.ids
    after = studio.act("anna", sample_id, lambda s: judge.delete_objects(s, [*ids[:2], ids[0]]))
    assert after.graph.ids == ids[2:]
    assert studio.undo("anna", sample_id).graph.ids == ids
