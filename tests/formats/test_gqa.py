"""GQA's scene graphs: objects with boxes, and what people said of their depth."""

from __future__ import annotations

import json

import pytest

from spacestudio.errors import FormatError
from spacestudio.formats.gqa import read_gqa
from tests.support import DATA, needs_data


@needs_data
def test_a_true_file():
    scenes, problems = read_gqa(DATA / "scene_graphs" / "gqa_2389539.json")
    assert [(s.id, s.width, s.height, len(s.graph)) for s in scenes] == [("2389539", 500, 414, 16)]
    assert [item for item, _ in problems] == ["question"], "the file holds a question beside the graph"
    graph = scenes[0].graph
    assert {o.label for o in graph.objects} >= {"traffic light", "trash can", "road"}
    light = graph["traffic-light-1"]
    assert light.box.to_xywh() == (119, 136, 108, 223) and light.attributes == ("red",) and light.origin == "file"
    said = {(graph[r.subject].label, r.predicate, graph[r.object].label) for r in graph}
    assert len(said) == 2 and ("street sign", "in front of", "traffic light") in said
    assert {(r.family, r.frame, r.origin) for r in graph} == {("depth", "camera", "person")}


def test_one_bad_thing_never_takes_the_others_with_it(tmp_path):
    good = {"name": "cup", "x": 1, "y": 2, "w": 5, "h": 6, "relations": [
        {"name": "behind", "object": "2"}, {"name": "behind", "object": "9"}, {"name": "near", "object": "2"},
    ]}  # fmt: skip
    objects = {
        "1": good, "2": {"name": "bowl", "x": 8, "y": 2, "w": 5, "h": 6}, "3": {"name": "flat", "x": 1, "y": 1, "w": 0, "h": 5},
        "4": {"name": "far out", "x": 90, "y": 90, "w": 5, "h": 5}, "5": "no object", "6": {"name": "nan", "x": float("nan")},
        "7": {"name": "wide", "x": -5, "y": 2, "w": 50, "h": 6, "relations": [{"name": "behind", "object": "7"}]},
    }  # fmt: skip
    path = tmp_path / "g.json"
    path.write_text(
        json.dumps({"a": {"width": 20, "height": 20, "objects": objects}, "b": [], "c": {"width": 0, "height": 1}})
    )
    scenes, problems = read_gqa(path)
    assert [o.id for o in scenes[0].graph.objects] == ["cup-1", "bowl-1", "wide-1"]
    assert scenes[0].graph["wide-1"].box.xyxy == (0, 2, 20, 8), "cut to the picture"
    assert [r.triple for r in scenes[0].graph] == [("cup-1", "behind", "bowl-1")]
    assert [item for item, _ in problems] == ["a, object 3", "a, object 4", "a, object 5", "a, object 6", "b", "c"]


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"a": 1}', "[" * 100_000])
def test_nonsense_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "g.json"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        read_gqa(path)
    assert "\n" not in str(caught.value)
