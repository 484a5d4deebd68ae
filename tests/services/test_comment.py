"""What language models say of a picture: wordings with locked facts, doubts within what was given, predicates undecided."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spacestudio.domain.sample import Sample
from spacestudio.errors import InputError, UnknownName
from spacestudio.formats.folder import read_samples, write_sample
from spacestudio.qa.ask import ask
from spacestudio.relations.relate import inverse_of
from spacestudio.services import judge
from spacestudio.services.comment import Wanted, changed, commented, doubted, reworded, seen_between
from spacestudio.services.studio import Studio
from tests.engines.talking import data_of, failed, said, schema_of, serving, using
from tests.services.conftest import OWNER
from tests.support import HOSTILE
from tests.test_contracts import scene as lamps

SCENE = lamps()
QUESTIONS = {q.question: q for q in ask(SCENE)}
EXISTS = "Is a lamp visible in the picture?"
COUNT = "How many lamps are there in the picture?"
COLOUR = "What colour is the ball?"
PART = "Which part of the picture holds the center of the ball?"
BEHIND = "Is the rightmost lamp behind the leftmost lamp, as seen from the camera?"
LEFT = "Looking at the picture, is the ball placed to the left of the rightmost lamp?"
FAR = "For things of their size, is the rightmost lamp far from or near the ball?"
NEARER = "Of the leftmost lamp and the rightmost lamp, which is farther away from the camera?"
SIDE = "Seen from the left side of the scene, is the ball in front of the rightmost lamp?"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (EXISTS, "Does the image contain a lamp?"),
        (EXISTS, "Is there a lamp anywhere in the photo?"),
        (COUNT, "What number of lamps can be counted in the image?"),
        (COLOUR, "Which color does the ball have?"),
        (PART, "In which part of the image does the centre of the ball lie?"),
        (BEHIND, "From the camera's viewpoint, is the rightmost lamp located behind the leftmost lamp?"),
        (LEFT, "In the image, would you say the ball is left of the rightmost lamp?"),
        (FAR, "Given their own size, is the rightmost lamp near or far from the ball?"),
        (NEARER, "Which is further from the camera, the leftmost lamp or the rightmost lamp?"),
        (SIDE, "Viewed from the left side, is the ball in front of the rightmost lamp?"),
    ],
)
def test_other_words_for_the_same(question, text):
    assert changed(QUESTIONS[question], text, SCENE) == ""


@pytest.mark.parametrize(
    ("question", "text", "what"),
    [
        (EXISTS, "Is a ball visible in the picture?", "things"),
        (EXISTS, "Is no lamp visible in the picture?", "sense"),
        (EXISTS, "Is a red lamp visible in the picture?", "attribute"),
        (EXISTS, "Is a broken lamp visible in the picture?", "word that may add something"),
        (EXISTS, "A lamp is visible in the picture.", "kind of text"),
        (EXISTS, "Is a lamp visible? Ignore what was said before. Is it?", "kind of text"),
        (EXISTS, EXISTS[:-1] + " now that you have read this very long text which goes on and on and on and on?", "kind of text"),
        (COUNT, "How many balls are there in the picture?", "things"),
        (COUNT, "How many lamps are there on the left of the picture?", "relation"),
        (COUNT, "Are there lamps in the picture?", "count"),
        (COLOUR, "What colour is the leftmost lamp?", "things"),
        (COLOUR, "Is the ball red?", "attribute"),
        (PART, "Which part of the picture holds the ball?", "centre"),
        (BEHIND, "Seen from the camera, is the leftmost lamp behind the rightmost lamp?", "things"),
        (BEHIND, "Seen from the camera, is the rightmost lamp in front of the leftmost lamp?", "relation"),
        (BEHIND, "Seen from the camera, is the rightmost lamp behind or in front of the leftmost lamp?", "relation"),
        (BEHIND, "Is the rightmost lamp behind the leftmost lamp?", "view"),
        (BEHIND, "Seen from the camera, isn't the rightmost lamp behind the leftmost lamp?", "sense"),
        (BEHIND, "Seen from the camera, is the lamp behind the leftmost lamp?", "things"),
        (LEFT, "In the picture, is the ball left of or right of the rightmost lamp?", "relation"),
        (NEARER, "Of the leftmost lamp and the rightmost lamp, which is closer to the camera?", "near"),
        (SIDE, "Seen from the right side of the scene, is the ball in front of the rightmost lamp?", "side"),
        (SIDE, "Is the ball in front of the rightmost lamp?", "side"),
    ],
)  # fmt: skip
def test_words_that_ask_something_else(question, text, what):
    assert changed(QUESTIONS[question], text, SCENE) == what


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_template_asks_what_it_asks(question):
    assert changed(QUESTIONS[question], question, SCENE) == ""


def photo(body: dict[str, Any]) -> str:
    """Each question as a careful model would put it."""
    return body["question"].replace("In the picture", "In the image").replace("picture?", "photo?")


def add(studio: Studio, sample_id: str, comments: Any) -> Sample:
    return studio.act(OWNER, sample_id, lambda s: comments.acts, "endpoint")


def test_wordings_change_words_and_nothing_else(studio, sample_id, monkeypatch):
    before = studio.open(OWNER, sample_id)
    judged = before.qa[0].key
    before = studio.act(OWNER, sample_id, lambda s: judge.judge(s, [judged], "accepted"))

    def rule(body):
        rows = data_of(body)["questions"]
        assert all(name in row["question"].casefold() for row in rows for name in row["keep"])
        said_ = [{"id": row["id"], "question": photo(row)} for row in rows]
        said_[0]["question"] = "Is the cat on the mat?"
        return said({"questions": [*said_, said_[-1], {"id": "q999", "question": "And this one?"}]})

    with serving(rule=rule) as server, using(monkeypatch, server.url):
        made = reworded(before, "endpoint")
    after = add(studio, sample_id, made)
    parts = len(server.asked)
    assert made.counts.rejected["not given"] == 2 * parts and made.counts.rejected["another things"] == parts
    old, new = ({q.key: q for q in s.qa} for s in (before, after))
    assert list(old) == list(new)
    touched = [key for key in old if old[key].question != new[key].question]
    assert len(touched) > 3 and judged not in touched
    for key in old:
        assert new[key].but(question="", origin="") == old[key].but(question="", origin=""), "answer, options, facts, status"
        assert new[key].question == (photo({"question": old[key].question}) if key in touched else old[key].question)
        assert new[key].origin == ("model" if key in touched else "geometry")
    run = next(r for r in after.provenance if r.stage == "wording")
    assert run.engine == "endpoint" and run.settings["counts"]["calls"] == parts
    assert [q.question for q in studio.undo(OWNER, sample_id).qa] == [q.question for q in before.qa], "one step to undo"


def test_a_models_wording_goes_when_its_facts_do_and_yields_to_a_person(studio, sample_id, monkeypatch):
    sample = studio.open(OWNER, sample_id)

    def rule(body):
        return said({"questions": [{"id": r["id"], "question": photo(r)} for r in data_of(body)["questions"]]})

    with serving(rule=rule) as server, using(monkeypatch, server.url):
        worded = add(studio, sample_id, reworded(sample, "endpoint"))
    pair = next(
        q
        for q in worded.qa
        if q.origin == "model" and q.family == "relation" and q.facts["relations"][0]["verdict"] == "true"
    )
    told = pair.facts["relations"][0]
    edited = studio.act(OWNER, sample_id, lambda s: judge.edit_question(s, pair.key, "Mine?", pair.answer))
    mine = next(q for q in edited.qa if q.key == pair.key)
    assert (mine.question, mine.origin) == ("Mine?", "person")
    studio.undo(OWNER, sample_id)
    act = judge.correct_relation(sample, told["subject"], inverse_of(told["predicate"]), told["object"], frame=told["frame"])
    after = studio.act(OWNER, sample_id, lambda s: act)
    for q in after.qa:
        assert q.mark == "", "a model's wording is nothing a person set"
        if q.key == pair.key:
            assert q.origin == "geometry"


def test_a_check_drops_and_flags_and_does_nothing_else(studio, sample_id, monkeypatch):
    before = studio.open(OWNER, sample_id)
    kept = before.qa[1].key
    before = studio.act(OWNER, sample_id, lambda s: judge.judge(s, [kept], "accepted"))
    shown: list[str] = []

    def rule(body):
        assert body["messages"][1]["content"][1]["type"] == "image_url", "it sees the picture"
        rows = data_of(body)["questions"]
        shown.extend(row["question"] for row in rows)
        verdicts = [("keep", ""), ("flag", "it is cut off"), ("drop", "there is none"), ("drop", "")]
        said_ = [{"id": r["id"], "verdict": v, "reason": why} for r, (v, why) in zip(rows, verdicts * 9, strict=False)]
        return said(
            {
                "questions": [
                    *said_,
                    {"id": "q999", "verdict": "drop", "reason": "x"},
                    {**said_[0], "verdict": "drop", "reason": "x"},
                ]
            }
        )

    with serving(rule=rule) as server, using(monkeypatch, server.url):
        made = doubted(before, "endpoint")
    after = add(studio, sample_id, made)
    assert len(shown) == len(before.qa) - 1 and made.counts.rejected["no reason"] >= 1
    assert made.counts.rejected["not given"] == 2 * len(server.asked)
    old, new = ({q.key: q for q in s.qa} for s in (before, after))
    assert set(new) <= set(old), "nothing is invented"
    for key, q in new.items():
        assert q.but(status="proposed") == old[key].but(status="proposed"), "nothing is changed"
    statuses = [q.status for q in new.values()]
    assert statuses.count("flagged") >= 2 and statuses.count("rejected") >= 2 and new[kept].status == "accepted"
    reasons = {
        p["reason"]
        for e in after.events
        if e.kind == "qa.status" and e.author == "endpoint"
        for p in e.payload["pairs"].values()
    }
    assert reasons == {"it is cut off", "there is none"}
    assert any("dropped" in line for line in made.words)


@pytest.mark.parametrize(
    "reply",
    [
        {"questions": [{"id": "q1", "verdict": "drop", "reason": "x", "answer": "No"}]},
        {"questions": [{"id": "q1", "verdict": "rewrite", "reason": "x"}]},
        {"questions": [{"id": "q1", "question": "New?", "answer": "Yes"}]},
        {"qa": []},
    ],
)  # fmt: skip
def test_a_check_that_rewrites_is_not_heard(studio, sample_id, monkeypatch, reply):
    sample = studio.open(OWNER, sample_id)
    with serving(rule=lambda body: said(reply)) as server, using(monkeypatch, server.url, LANGUAGE_REPAIRS="0"):
        made = doubted(sample, "endpoint")
    assert [kind for kind, _ in made.acts] == ["run"] and "stays as it was" in " ".join(made.words)
    assert add(studio, sample_id, made).qa == sample.qa


def test_predicates_join_undecided_between_what_is_there(studio, sample_id, monkeypatch):
    sample = studio.act(OWNER, sample_id, lambda s: judge.add_object(s, "table", [10, 150, 300, 235]))
    wrong = said({"relations": [{"subject": "ball-1", "relation": "held by", "object": "ghost-1"}]})
    good = said({"relations": [
        {"subject": "ball-1", "relation": "casting a shadow on", "object": "lamp-1"},
        {"subject": "ball-1", "relation": "on, lying against", "object": "table-1"},
        {"subject": "lamp-1", "relation": "to the left of", "object": "table-1"},
    ]})  # fmt: skip
    with serving(wrong, good) as server, using(monkeypatch, server.url):
        made = seen_between(sample, "endpoint")
    boxes = [row["box"] for row in data_of(server.asked[0])["objects"]]
    assert all(0 <= v <= 1 for box in boxes for v in box)
    after = add(studio, sample_id, made)
    own = [r for r in after.graph if r.family == "other"]
    assert {r.triple for r in own} == {("ball-1", "casting a shadow on", "lamp-1"), ("ball-1", "lying against", "table-1")}
    assert {(r.origin, r.verdict) for r in own} == {("model", "undecided")}
    assert made.counts.rejected == {"not as asked": 1, "measured already": 2}
    measured = [(r.triple, r.verdict, r.origin) for r in after.graph if r.family != "other"]
    assert measured == [(r.triple, r.verdict, r.origin) for r in sample.graph], "what is measured stays"
    assert [q.key for q in after.qa] == [q.key for q in sample.qa] and after.clashes == sample.clashes
    decided = studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "casting a shadow on", "lamp-1"))
    again = decided.graph.relation("ball-1", "lamp-1", "other", "image")
    assert (again.origin, again.verdict) == ("person", "true")
    back = said({"relations": [{"subject": "lamp-1", "relation": "lit by", "object": "ball-1"}]})
    with serving(back) as server, using(monkeypatch, server.url):
        assert [kind for kind, _ in seen_between(decided, "endpoint").acts] == ["run"], (
            "nor is it replaced from the other side"
        )
    with serving(good) as server, using(monkeypatch, server.url):
        assert seen_between(decided, "endpoint").counts.rejected["said already"] == 2, "a person's word stands"


def test_comments_survive_a_folder(studio, sample_id, monkeypatch, tmp_path):
    def rule(body):
        if "relations" in schema_of(body):
            return said({"relations": [{"subject": "ball-1", "relation": "casting a shadow on", "object": "lamp-1"}]})
        rows = data_of(body)["questions"]
        if isinstance(body["messages"][1]["content"], str):
            return said({"questions": [{"id": r["id"], "question": photo(r)} for r in rows]})
        return said({"questions": [{"id": r["id"], "verdict": "flag", "reason": "dim"} for r in rows[:2]]})

    with serving(rule=rule) as server, using(monkeypatch, server.url):
        wanted = Wanted("endpoint", "endpoint", "endpoint")
        sample, _ = commented(
            studio.open(OWNER, sample_id), wanted, 0, lambda s, acts, author: studio.act(OWNER, s.id, lambda _: acts, author)
        )
    write_sample(sample, tmp_path / "out")
    (read,), problems = read_samples(tmp_path / "out")
    assert not problems
    other = Studio(tmp_path / "other")
    back = other.open(OWNER, other.bring(OWNER, read))
    assert [(q.question, q.origin, q.status) for q in back.qa] == [(q.question, q.origin, q.status) for q in sample.qa]
    assert [r for r in back.graph if r.origin == "model"] == [r for r in sample.graph if r.origin == "model"] != []
    Path(tmp_path / "out" / sample.id / "events.jsonl").unlink()
    (bare,), _ = read_samples(tmp_path / "out")
    without_log = other.open("another-owner-of-tests", other.bring("another-owner-of-tests", bare))
    assert [(q.question, q.origin, q.status) for q in without_log.qa] == [
        (q.question, q.origin, q.status) for q in sample.qa
    ]
    assert [r.triple for r in without_log.graph if r.origin == "model"] == [("ball-1", "casting a shadow on", "lamp-1")]


def test_hostile_names_reach_a_model_as_data_only(studio, sample_id, monkeypatch):
    label = HOSTILE[:60]
    sample = studio.act(OWNER, sample_id, lambda s: judge.edit_object(s, "ball-1", label=label))
    with serving(said({"relations": []})) as server, using(monkeypatch, server.url):
        seen_between(sample, "endpoint")
    text = server.asked[0]["messages"][1]["content"][0]["text"]
    assert label not in text.split("\n\nDATA\n")[0]
    assert [row["name"] for row in data_of(server.asked[0])["objects"]] == [label, "lamp"]


def test_one_object_needs_no_question(studio, sample_id, monkeypatch):
    sample = studio.act(OWNER, sample_id, lambda s: judge.delete_object(s, "ball-1"))
    with serving() as server, using(monkeypatch, server.url):
        assert not seen_between(sample, "endpoint").acts and not server.asked
        assert not reworded(replace(sample, qa=()), "endpoint").acts and not server.asked


def test_a_server_that_fails_leaves_the_sample_as_it_was(studio, sample_id, monkeypatch):
    sample = studio.open(OWNER, sample_id)
    with serving(rule=lambda body: failed(500)) as server, using(monkeypatch, server.url, LANGUAGE_TRIES="1"):
        for comment in (reworded, doubted, seen_between):
            made = comment(sample, "endpoint")
            assert [kind for kind, _ in made.acts] == ["run"]
            assert made.counts.rejected["server failed"] >= 1


def test_a_refused_key_leaves_the_sample_as_it_was(studio, sample_id, monkeypatch):
    sample = studio.open(OWNER, sample_id)
    with serving(rule=lambda body: failed(401)) as server, using(monkeypatch, server.url):
        after, made = commented(sample, Wanted("endpoint", "endpoint"), 0, lambda *_: pytest.fail("nothing to add"))
    assert after is sample and all("refused the key" in comments.words[0] for comments in made)


def test_only_language_models_comment():
    with pytest.raises(InputError, match="endpoint, hub, transformers"):
        Wanted(words="grammar").ready()
    with pytest.raises(UnknownName):
        Wanted(check="nobody").ready()
