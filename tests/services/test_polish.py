"""A model may change the words between the tags, and whatever it does to the rest leaves the built-in wording as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from spacestudio.captions.story import Story
from spacestudio.cli import app
from spacestudio.domain.grounded import Exchange
from spacestudio.errors import InputError, UnknownName
from spacestudio.formats.folder import write_sample
from spacestudio.services.polish import Form, holds, polished, style_of
from spacestudio.services.tell import told
from tests.captions.made import picture, placed
from tests.engines.talking import Answer, data_of, failed, said, serving, using

SCENE = placed(("cup", (5, 40, 25, 60), 2), ("plate", (50, 40, 80, 60), 3), ("orange", (100, 40, 140, 80), 6))
Change = Callable[[str], str]
STYLES = ("description", "comparison", "viewpoint")


def model(question: Change = str, answer: Change = str, **more: Any) -> Callable[[dict[str, Any]], Answer]:
    """A model that changes the texts it is shown so."""

    def rule(body: dict[str, Any]) -> Answer:
        rows = data_of(body)["exchanges"]
        made = [{"id": r["id"], "question": question(r["question"]), "answer": answer(r["answer"])} for r in rows]
        return said({"exchanges": made, **more})

    return rule


def asked(
    monkeypatch: pytest.MonkeyPatch, rule: Callable[[dict[str, Any]], Answer], style: str = "description", sample=SCENE
):
    with serving(rule=rule) as server, using(monkeypatch, server.url):
        return polished([sample], style, "endpoint"), server


def polite(text: str) -> str:
    """Other words for the same."""
    return (
        text.replace("Closest to the camera is", "What stands closest to the viewer is")
        .replace("Nearest to the camera is", "What stands nearest to the viewer is")
        .replace("In the foreground, nearest to the camera, is", "Nearest, in the foreground, there is")
        .replace("Farthest", "Finally, farthest")
    )


def test_other_words_between_the_tags_are_taken(monkeypatch):
    found, server = asked(monkeypatch, model(answer=polite))
    (made,), (before,) = found.samples[0].exchanges["description"], told(SCENE).exchanges["description"]
    assert made.origin == "model" and before.origin == "geometry"
    assert made.answer.plain == polite(before.answer.plain) != before.answer.plain
    assert made.answer.mentions == before.answer.mentions and made.answer.predicates == before.answer.predicates
    assert (found.worded, found.total) == (1, 1) and not found.counts.rejected
    shown = data_of(server.asked[0])["exchanges"][0]
    assert "cup" not in shown["answer"] and "cup" in shown["places"].values()
    assert not any(label in shown["answer"] for label in ("cup", "plate", "orange", "behind", "to the left of"))


def test_articles_follow_the_name():
    (exchange,) = told(SCENE).exchanges["description"]
    form = Form.of(exchange, Story(SCENE))
    spoilt = re.sub(r"\ban \[", "a [", re.sub(r"\ba \[", "an [", form.answer.shown))
    assert form.answer.filled(spoilt).plain == exchange.answer.plain


BEFORE = told(SCENE).exchanges["description"][0]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda t: re.sub(r" \[\d+\]\.$", " it.", t), "tag dropped"),
        (lambda t: t.replace("[3]", "[4]", 1), "tag dropped"),
        (lambda t: t + " [3]", "tag added"),
        (lambda t: t + " [99]", "tag added"),
        (lambda t: t.replace("[1]", "[x]").replace("[2]", "[1]").replace("[x]", "[2]"), "tags out of order"),
        (lambda t: t.replace("arthest", "earest"), "relation words"),
        (lambda t: t.replace("urther back", "loser"), "relation words"),
        (lambda t: t.replace(". Further back is a", " and in it a"), "relation words"),
        (lambda t: re.sub(r"is a \[1\]", "is a [1] on the left", t), "relation words"),
        (lambda t: re.sub(r"\. The \[", ". The [", t, count=1).replace("a [1]", "two [1]"), "another number"),
        (lambda t: t.replace(" is ", " is not ", 1), "relation words"),
        (lambda t: t + " A dog sleeps there.", "word that may add something"),
        (lambda t: t.replace("a [1]", "a broken [1]"), "word that may add something"),
        (lambda t: t + " Is it?", "kind of text"),
        (lambda t: t + " [cup]", "kind of text"),
    ],
)
def test_what_changes_a_fact_is_not_taken(monkeypatch, answer, why):
    found, _ = asked(monkeypatch, model(answer=answer))
    assert found.samples[0].exchanges["description"] == (BEFORE,)
    assert found.worded == 0 and found.counts.rejected == {why: 1}


@pytest.mark.parametrize(
    ("style", "question", "why"),
    [
        ("comparison", lambda t: re.sub("closer|nearer", "farther", t.replace("farther", "closer")), "relation words"),
        ("comparison", lambda t: t.replace("?", "."), "kind of text"),
        ("viewpoint", lambda t: t.replace("left side", "right side").replace("the back", "the front"), "relation words"),
    ],
)
def test_a_question_still_asks_the_same(monkeypatch, style, question, why):
    def rule(t: str) -> str:
        made = question(t)
        return made if made != t else t.replace("Which", "Which then")

    found, _ = asked(monkeypatch, model(question=rule), style)
    assert found.counts.rejected.get(why), found.counts.rejected
    kept = [e for e in found.samples[0].exchanges[style] if e.origin == "geometry"]
    assert {e.key: e for e in told(SCENE).exchanges[style]}.items() >= {e.key: e for e in kept}.items()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", range(4))
def test_the_same_text_changes_nothing(monkeypatch, style, seed):
    sample = picture(seed, 8)
    found, server = asked(monkeypatch, model(), style, sample)
    assert found.samples[0].exchanges[style] == told(sample).exchanges[style]
    assert found.worded == 0 and not found.counts.rejected
    for body in server.asked:
        for row in data_of(body)["exchanges"]:
            numbers = [int(n) for n in re.findall(r"\[(\d+)\]", row["question"] + row["answer"])]
            assert numbers == list(range(1, len(row["places"]) + 1))


def test_twice_given_unknown_and_missing_ids_are_counted(monkeypatch):
    def rule(body: dict[str, Any]) -> Answer:
        rows = data_of(body)["exchanges"]
        first = {"id": "e1", "question": rows[0]["question"], "answer": rows[0]["answer"]}
        return said({"exchanges": [first, first, {**first, "id": "e77"}]})

    found, _ = asked(monkeypatch, rule, "comparison")
    missing = found.total - 1
    assert found.counts.rejected == {"not answered": missing, "not given": 2} and found.worded == 0


def test_a_server_that_fails_leaves_everything_and_is_not_asked_for_ever(monkeypatch):
    samples = [picture(seed, 5) for seed in range(5)]
    with serving(rule=lambda body: failed(500)) as server, using(monkeypatch, server.url, LANGUAGE_TRIES="1"):
        found = polished(samples, "description", "endpoint")
        assert len(server.asked) == 2
    assert [s.exchanges["description"] for s in found.samples] == [told(s).exchanges["description"] for s in samples]
    assert "stays" in found.words[0] and "not asked any more" in found.words[-1]


DANGEROUS = (
    "left", "right", "behind", "on", "under", "with", "two", "eleven", "not", "dog", "nearest", "further", "another", "which",
    "bigger", "lower", "holding", "red", "camera-like", "both", "[1]", "[77]",
)  # fmt: skip


@given(st.integers(0, 40), st.sampled_from(STYLES), st.sampled_from(DANGEROUS), st.integers(0, 10_000))
@settings(max_examples=150)
def test_no_word_that_adds_anything_can_be_slipped_in_anywhere(seed, style, word, spot):
    sample = picture(seed, 6)
    for exchange in told(sample).exchanges[style][:2]:
        form = Form.of(exchange, Story(sample))
        assert form.changed(*form.own) == ""
        for which, own in enumerate(form.own):
            words = own.split(" ")
            words.insert(spot % (len(words) + 1), word)
            spoilt = [*form.own]
            spoilt[which] = " ".join(words)
            assert form.changed(*spoilt)


@given(st.integers(0, 40), st.sampled_from(STYLES), st.randoms(use_true_random=False))
@settings(max_examples=80)
def test_no_two_places_can_be_exchanged(seed, style, chance):
    sample = picture(seed, 6)
    for exchange in told(sample).exchanges[style][:2]:
        form = Form.of(exchange, Story(sample))
        places = re.findall(r"\[\d+\]", form.answer.shown)
        if len(places) > 1:
            a, b = chance.sample(places, 2)
            swapped = form.answer.shown.replace(a, "[]").replace(b, a).replace("[]", b)
            assert form.changed(form.question.shown, swapped) == "tags out of order"


def test_names_that_look_like_places_are_not_sent(monkeypatch):
    sample = placed(("cup [2]", (5, 40, 25, 60), 2), ("plate", (50, 40, 80, 60), 5))
    found, server = asked(monkeypatch, model(answer=polite), sample=sample)
    for body in server.asked:
        assert all("[2]" not in row["places"] or row["answer"].count("[2]") == 1 for row in data_of(body)["exchanges"])
    assert [m.text for m in found.samples[0].exchanges["description"][0].answer.mentions] == ["cup [2]", "plate"]


def test_a_relation_that_does_not_hold_any_more_is_found_out():
    story, flat = Story(SCENE), Story(placed(("cup", (5, 40, 25, 60), 2)))
    assert holds(BEFORE, BEFORE, story) and not holds(BEFORE, BEFORE, flat)
    lost = Exchange("x", BEFORE.question, type(BEFORE.answer)(BEFORE.answer.spans[:-2]), BEFORE.facts)
    assert not holds(lost, BEFORE, story)


def test_only_texts_are_reworded_and_only_by_language_models():
    assert [style_of(f"spacesgg-{name}") for name in ("description", "qa", "conversation")] == list(STYLES)
    with pytest.raises(InputError, match="spacesgg-qa"):
        style_of("coco")
    with pytest.raises(UnknownName):
        style_of("nothing")
    with pytest.raises(InputError, match="no language model"):
        polished([SCENE], "description", "grammar")


def test_the_command_says_what_became_of_it(monkeypatch, tmp_path):
    write_sample(SCENE, tmp_path / "samples")
    arguments = ["export", "--samples", str(tmp_path / "samples"), "--out", str(tmp_path / "out"), "--json"]
    with serving(rule=model(answer=polite)) as server, using(monkeypatch, server.url):
        arguments += ["--format", "spacesgg-description", "--words", "endpoint"]
        result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    value = json.loads(result.stdout.splitlines()[0])
    assert value["words"]["worded"] == value["words"]["of"] == 1
    (row,) = json.loads((tmp_path / "out" / "spacesgg-description.json").read_text())
    assert "viewer" in row["conversations"][1]["value"] or "Finally" in row["conversations"][1]["value"]
    refused = CliRunner().invoke(app, [*arguments[:5], "--format", "coco", "--words", "endpoint"])
    assert isinstance(refused.exception, InputError) and "reword" in str(refused.exception)
