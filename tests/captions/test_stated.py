"""A sample's graph as captions: what it says is true, of things that are alone, people's corrections included."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from spacestudio.captions.sr4g import TYPES, spoken
from spacestudio.captions.stated import stated
from spacestudio.domain.graph import Relation
from spacestudio.formats import FORMATS
from spacestudio.formats.sr4g import read_captions
from spacestudio.relations.naming import label_of
from spacestudio.services.tell import STYLES, told
from tests.captions.made import picture, placed

FOURTEEN = {name for names in TYPES.values() for name in names}
CUP_AND_SKIS = (("cup", (10, 50, 40, 80), 2), ("skis", (100, 50, 150, 80), 4))


def said(sample):
    return {e.answer.plain for e in stated(sample)}


@given(st.integers(0, 100_000), st.booleans())
def test_every_true_relation_of_things_that_are_alone_is_told_and_nothing_else(seed, deep):
    sample = picture(seed, deep=deep)
    labels = {o.id: label_of(o.label) for o in sample.objects}
    ends = Counter(word for label in labels.values() if label for word in {label} | {label.split()[-1]})
    alone = {i for i, label in labels.items() if label and ends[label] == 1}
    wanted = [
        (r.subject, r.predicate, r.object)
        for r in sample.graph
        if r.frame == "image" and r.verdict == "true" and r.predicate in FOURTEEN and {r.subject, r.object} <= alone
    ]
    made = stated(sample)
    assert [tuple(e.key.split(":")[1:]) for e in made] == wanted
    for (s, predicate, o), e in zip(wanted, made, strict=True):
        assert e.answer.plain == spoken(predicate, labels[s], labels[o])
        (mention, other), (relation,) = e.answer.mentions, e.answer.predicates
        assert (mention.objects, other.objects) == ((s,), (o,)) == (relation.subjects, relation.objects)


def test_words_and_both_orders():
    found = said(placed(*CUP_AND_SKIS))
    assert {
        "a cup to the left of skis",
        "skis to the right of a cup",
        "a cup and skis separated",
        "skis larger than a cup",
    } <= found


def test_two_of_a_kind_are_not_told_of():
    assert not stated(placed(*CUP_AND_SKIS, ("wine cup", (60, 10, 80, 30), 3), ("skis", (20, 90, 60, 110), 3)))


def test_a_correction_is_told_and_a_clash_is_not():
    sample = placed(*CUP_AND_SKIS)
    ahead = Relation("cup-1", "above", "skis-1", "direction", "image", origin="person")
    back = replace(ahead, subject="skis-1", object="cup-1", predicate="below")
    corrected = replace(sample, graph=sample.graph.with_relations([ahead, back]))
    assert {"a cup above skis", "skis below a cup"} <= said(corrected) and "a cup to the left of skis" not in said(corrected)
    doubted = replace(corrected, clashes=((ahead,),))
    assert not {"a cup above skis", "skis below a cup"} & said(doubted) and "skis larger than a cup" in said(doubted)


def test_the_format_writes_the_same_record_as_the_command(tmp_path):
    samples = [told(placed(*CUP_AND_SKIS)), told(picture(5, 8)), told(picture(1, 1))]
    form = FORMATS.load("sr4g")
    files = form.write(samples, tmp_path)
    rows = list(read_captions(tmp_path / "captions.jsonl"))
    assert [row.caption for row in rows] == [e.answer.plain for s in samples for e in STYLES.load("sr4g")(s)]
    first = rows[0]
    assert first.subject_box == (10, 50, 40, 80) and first.rule_set == "graph" and (tmp_path / first.file_name) in files
    assert {row.file_name for row in rows} == {str(f.relative_to(tmp_path)) for f in files[1:]}
