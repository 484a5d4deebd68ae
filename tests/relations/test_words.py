"""SKG2Data's words for relations, read and written."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.objects import SceneObject
from spacestudio.relations import FAMILIES
from spacestudio.relations.relate import family, family_of, inverse_of, relate
from spacestudio.relations.words import SYNONYMS, parse_phrase, read, reason, to_phrase
from tests.laws.test_relations import measurements

PREDICATES = [predicate for name in FAMILIES for predicate in family(name).predicates]


@pytest.mark.parametrize("predicate", PREDICATES)
def test_every_predicate_is_written_so_that_it_is_read_again(predicate):
    assert parse_phrase(to_phrase(predicate)) == (predicate,)
    assert parse_phrase(read(predicate)) == (predicate,)
    assert parse_phrase(predicate) == (predicate,)
    assert parse_phrase(f"  {to_phrase(predicate).upper()} ,") == (predicate,)


@pytest.mark.parametrize("join", [", ", ",", " and "])
def test_two_predicates_joined_are_read_in_order(join):
    for a, b in permutations(PREDICATES, 2):
        assert parse_phrase(f"{to_phrase(a)}{join}{to_phrase(b)}") == (a, b)


@pytest.mark.parametrize(
    ("phrase", "predicate"),
    {
        "above": "above", "below": "below", "left": "left of", "right": "right of", "in front of": "in front of", "behind": "behind",
        "close": "near", "far": "far", "near": "near", "on the left of": "left of", "on the right of": "right of", "on": "on",
        "beside": "beside", "next to": "beside",
    }.items(),
)  # fmt: skip
def test_the_published_vocabulary(phrase, predicate):
    assert parse_phrase(phrase) == (predicate,)
    assert family_of(predicate) is not None


@pytest.mark.parametrize(
    ("phrase", "predicates"),
    [
        ("on the left of, near", ("left of", "near")),
        ("in front of and to the lower left of", ("in front of", "left of", "below")),
        ("on the right of,next to,  larger than", ("right of", "beside", "larger")),
        ("upper right", ("right of", "above")),
        ("near, , near", ("near", "near")),
        (" , ", ()),
        ("", ()),
    ],
)
def test_compound_phrases(phrase, predicates):
    assert parse_phrase(phrase) == predicates


@pytest.mark.parametrize("phrase", ["Holding", "leaning on", "near and chasing", "salt and pepper of", "links von", "左边"])
def test_unknown_phrases_come_back_verbatim(phrase):
    assert parse_phrase(phrase) == (phrase,)
    assert parse_phrase(f"{phrase}, near") == (phrase, "near")


@given(st.text(alphabet=st.characters(exclude_characters=",", exclude_categories=["Z", "C"]), min_size=1, max_size=20))
def test_no_word_is_lost(word):
    found = parse_phrase(word)
    assert found == (word,) or all(family_of(predicate) for predicate in found)


def test_synonyms_lead_to_predicates_of_ours_and_shadow_none():
    assert all(family_of(predicate) for predicate in SYNONYMS.values())
    assert not set(SYNONYMS) & set(PREDICATES)


@given(measurements(), st.sampled_from(list(FAMILIES)))
def test_the_reason_says_what_the_margin_says(m, name):
    """Of a decided relation the sentence names the side the verdict is on."""
    f = family(name)
    objects = tuple(SceneObject(f"o-{i}", "thing", Box(0, 0, 1, 1)) for i in range(len(m)))
    for r in relate(objects, (m,)):
        if r.family != f.name:
            continue
        text = reason(r, {"o-0": "A", "o-1": "B"})
        assert text.endswith(".")
        if r.family == "depth" and r.predicate in ("in front of", "behind") and r.verdict != "undecided":
            nearer = (r.predicate == "in front of") == (r.verdict == "true")
            assert ("nearer" in text) == nearer
            assert ("farther" in text) != nearer
        if r.family == "direction" and r.verdict != "undecided":
            side = r.predicate if r.verdict == "true" else inverse_of(r.predicate)
            assert f"{side.removesuffix(' of')}" in text
        if r.family == "scale" and r.verdict == "true":
            bigger = r.predicate in ("larger", "wider", "taller")
            one = {"o-0": "A", "o-1": "B"}.get(r.subject if bigger else r.object, r.subject if bigger else r.object)
            assert text.startswith(f"The {one} is ")
