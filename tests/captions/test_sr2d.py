"""SR2D's prompts: the published file, and the scheme its ids follow for any relations."""

import hashlib
import json
from collections import Counter
from itertools import combinations

import pytest

from spacestudio.captions.sr2d import OBJECTS, RELATIONS, by_letter, by_sound, pair_prompts, phrase
from spacestudio.domain.prompts import AND, SINGLE
from spacestudio.errors import InputError
from spacestudio.formats.prompts import write_prompts
from spacestudio.relations.naming import COCO
from spacestudio.relations.relate import inverse_of
from spacestudio.relations.rules import RULE_SETS
from spacestudio.relations.words import parse_phrase
from spacestudio.services.prompts import relation_prompts, sr2d
from tests.support import DATA, needs_data


@needs_data
def test_the_published_file_byte_for_byte(tmp_path):
    expected = json.loads((DATA / "golden/sr2d/expected.json").read_text())
    assert write_prompts(sr2d(), tmp_path / "sr2d.json") == expected["entries"]
    raw = (tmp_path / "sr2d.json").read_bytes()
    assert len(raw) == expected["bytes"]
    assert hashlib.sha256(raw).hexdigest() == expected["sha256"]
    written = {row["unique_id"]: row for row in json.loads(raw)}
    assert all(written[row["unique_id"]] == row for row in expected["sample"])


def test_ids_follow_pair_relation_and_order():
    prompts = {p.id: p for p in sr2d()}
    assert len(prompts) == 31_680 and list(prompts) == list(range(31_680))
    for number, (one, other) in list(enumerate(combinations(OBJECTS, 2)))[::211]:
        for k, relation in enumerate(RELATIONS):
            there, back = prompts[10 * number + 2 * k], prompts[10 * number + 2 * k + 1]
            assert (there.first, there.second, there.relation) == (one, other, relation)
            assert (back.first, back.second, back.relation) == (other, one, relation)
        assert [prompts[10 * number + k].relation for k in (8, 9)] == [AND, AND]
    assert [prompts[31_600 + k].first for k in range(80)] == list(OBJECTS)
    assert Counter(p.relation for p in prompts.values()) == {AND: 6320, SINGLE: 80} | dict.fromkeys(RELATIONS, 6320)


def test_articles_as_published_even_where_they_are_odd():
    texts = {p.text for p in sr2d()}
    assert "a skis above a scissors" in texts and "an umbrella to the left of an oven" in texts
    assert not any(" a a" in t or " an b" in t for t in texts)


@pytest.mark.parametrize("rules", list(RULE_SETS))
def test_every_relation_of_a_rule_set_in_both_orders(rules):
    predicates = RULE_SETS.load(rules).predicates
    prompts = list(pair_prompts(("cup", "dog", "orange"), [phrase(p) for p in predicates]))
    asked = Counter((p.first, parse_phrase(p.relation)[0], p.second) for p in prompts if p.spatial)
    assert asked == Counter((a, p, b) for a, b in combinations(("cup", "dog", "orange"), 2) for p in predicates) + Counter(
        (b, p, a) for a, b in combinations(("cup", "dog", "orange"), 2) for p in predicates
    )
    assert all(inverse_of(parse_phrase(p.relation)[0]) in predicates for p in prompts if p.spatial)
    assert [p.id for p in prompts] == list(range(len(prompts))) and len(prompts) == 3 * (2 * len(predicates) + 2) + 3


def test_fourteen_relations_read_well():
    texts = [p.text for p in relation_prompts("sstd", ("hour glass", "unicorn"))]
    assert "an hour glass surrounding a unicorn" in texts
    assert "a unicorn and an hour glass separated" in texts
    assert "a unicorn wider than an hour glass" in texts
    assert len(texts) == 14 * 2 + 2 + 2 and len(set(texts)) == len(texts)


def test_the_objects_are_cocos():
    assert OBJECTS == tuple(name for group in COCO.values() for name in group)


def test_visors_four_relations_are_sr2d():
    assert relation_prompts("visor") == sr2d()


def test_by_letter_and_by_sound_agree_on_cocos_names():
    assert [by_letter(name) for name in OBJECTS] == [by_sound(name) for name in OBJECTS]


@pytest.mark.parametrize("names", [("cup",), tuple(f"thing {k}" for k in range(1001))])
def test_too_few_or_too_many_objects(names):
    with pytest.raises(InputError, match="objects to make pairs of"):
        relation_prompts("sstd", names)
