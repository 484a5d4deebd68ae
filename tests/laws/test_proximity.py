"""Proximity: what the studio answers to its own questions is read as what it meant, whatever the scene."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spacestudio.geometry.object_depth import Depths, ObjectDepth
from spacestudio.metrics.proximity import Question, read
from spacestudio.qa.known import known
from spacestudio.qa.proximity import Recipe, also_called, questions
from tests.qa.made import PLAIN, graph_of, thing
from tests.qa.test_proximity import drawn
from tests.support import HOSTILE


def test_odd_labels_are_named_and_read_too():
    labels = (HOSTILE, "Kaffeetasse (grün)", "traffic_light", "cafe\u0301 sign", "日本語", "7-up can")
    scene = graph_of([thing(f"thing-{n}", label, 10 + 15 * n) for n, label in enumerate(labels)])
    depths = Depths({f"thing-{n}": ObjectDepth(n / 10, n / 10, n / 10, 1.0) for n in range(len(labels))}, "metric", "", 0, 1)
    k, asked = known(scene), questions(scene, depths, Recipe(most=30)).exchanges
    assert {i for e in asked for i in e.facts["objects"]} == set(scene.graph.ids)
    for e in asked:
        found, ids = e.facts["found"], e.facts["objects"]
        names = tuple((k.names[i].text, *also_called(k, i, ids)) for i in ids)
        said = read(Question(e.key, "", found["type"], found["asked"], names, found["gold"], (), 0.05), e.answer.plain)
        assert said.value == found["gold"], (e.answer.plain, said)


@given(st.integers(0, 10**9), st.sampled_from([0.02, 0.05, 0.2]))
def test_an_answer_written_here_is_read_as_it_was_meant(seed, tau):
    scene, depths = drawn(PLAIN[:6], seed)
    k = known(scene)
    for e in questions(scene, depths, Recipe(tau, swapped=True, most=10)).exchanges:
        found, ids = e.facts["found"], e.facts["objects"]
        names = tuple((k.names[i].text, *also_called(k, i, ids)) for i in ids)
        asked = Question(e.key, "", found["type"], found["asked"], names, found["gold"], (), tau)
        said = read(asked, e.answer.plain)
        assert said.value == found["gold"], (e.answer.plain, said)
        if found["type"] == "reasoned":
            assert said.depths == tuple(depths.objects[i].depth01 for i in ids)
