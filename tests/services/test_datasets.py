"""Sample folders as a data set: duplicates, holdouts that don't leak, sets to compare training with."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.errors import InputError
from spacestudio.geometry.alike import alike, fingerprint
from spacestudio.services.datasets import Card, ablations, duplicates, leaks, split, statistics, without_duplicates
from tests.support import coffee
from tests.test_cli import loaded, run

LABELS = ("cup", "plate", "dog")
PREDICATES = (("left of", "direction"), ("on", "support"), ("near", "distance"))


@st.composite
def cards(draw: st.DrawFn) -> list[Card]:
    found = []
    for k in range(draw(st.integers(2, 14))):
        called = tuple(draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=3)))
        pairs = [(s, o) for s in range(len(called)) for o in range(s + 1, len(called))]
        said = [(s, *draw(st.sampled_from(PREDICATES)), o) for s, o in pairs if draw(st.booleans())]
        relations = tuple((s, p, o, f) for s, p, f, o in said)
        scene = draw(st.sampled_from(["", "park", "kitchen", "beach", "street", "attic", "zoo"]))
        parent = draw(st.sampled_from(["", "", "", f"s{max(0, k - 1)}"])) if k else ""
        found.append(Card(f"s{k}", Path(), scene, called, called, relations, draw(st.integers(0, 2**64 - 1)), parent))
    return found


@given(cards(), st.floats(0.05, 0.8), st.integers(0, 3))
def test_no_holdout_leaks(found: list[Card], share: float, seed: int) -> None:
    try:
        made = split(found, share, seed)
    except InputError:
        with pytest.raises(InputError, match="smallest"):
            split(found, share, seed)
        return
    assert not leaks(made.train, made.holdout)
    assert {c.id for c in made.train} | {c.id for c in made.holdout} == {c.id for c in found}
    assert 0 < len(made.holdout) <= share * len(found)
    again = split(found, share, seed)
    assert [c.id for c in again.holdout] == [c.id for c in made.holdout]


def test_children_of_one_parent_stay_together_wherever_it_is() -> None:
    found = [
        Card(f"s{k}", Path(), f"scene {k}", (f"thing {k}",), ("x",), (), k * 0x1111_1111_1111, p)
        for k, p in enumerate("aabb")
    ]
    for seed in range(4):
        made = split(found, 0.5, seed)
        assert {c.parent for c in made.holdout} in ({"a"}, {"b"}) and not leaks(made.train, made.holdout)
    assert "parent: a" in leaks(found[:1], found[1:])


def test_a_leak_is_told() -> None:
    a = Card("a", Path(), "park", ("cup",), ("cup",), (), 0, "")
    b = Card("b", Path(), "park", ("dog",), ("dog",), (), 3, "a")
    assert leaks([a], [b]) == ["scene: park", "picture: a and b", "parent: a of b"]


@given(cards())
def test_duplicate_graphs_are_the_isomorphic_ones(found: list[Card]) -> None:
    """Held against networkx pair by pair, without the outline that finds candidates."""

    def same(a: Card, b: Card, named: bool) -> bool:
        matcher = nx.algorithms.isomorphism.MultiDiGraphMatcher
        nodes = nx.algorithms.isomorphism.categorical_node_match("name", "")
        edges = nx.algorithms.isomorphism.categorical_multiedge_match("predicate", "")
        return bool(matcher(a.shape(named), b.shape(named), node_match=nodes, edge_match=edges).is_isomorphic())

    for named in (True, False):
        groups = duplicates(found, near=0, named=named)["graphs"]
        together = {frozenset((a, b)) for g in groups for a in g for b in g if a != b}
        for i, a in enumerate(found):
            for b in found[i + 1 :]:
                assert (frozenset((a.id, b.id)) in together) == same(a, b, named)


def test_of_like_samples_the_first_stays() -> None:
    one = Card("a", Path(), "", ("cup", "dog"), ("cup", "dog"), ((0, "left of", 1, "direction"),), 0, "")
    two = Card("b", Path(), "", ("dog", "cup"), ("dog", "cup"), ((1, "left of", 0, "direction"),), 2**32 - 1, "")
    other = Card("c", Path(), "", ("dog", "cup"), ("dog", "cup"), ((0, "left of", 1, "direction"),), 2**64 - 1, "")
    kept, gone = without_duplicates([one, two, other])
    assert ([c.id for c in kept], [c.id for c in gone]) == (["a", "c"], ["b"])
    assert [c.id for c in without_duplicates([one, two, other], named=False)[0]] == ["a"]


@given(cards(), st.integers(0, 3))
def test_sets_to_compare_are_of_one_size_and_lack_what_they_say(found: list[Card], seed: int) -> None:
    for by in ("relations", "objects"):
        try:
            sets = ablations(found, by, seed)
        except InputError:
            continue
        assert len({len(part) for part in sets.values()}) == 1
        for name, part in sets.items():
            if name.startswith("without-"):
                assert all(name.removeprefix("without-") not in card.families for card in part)
            elif name.endswith("-objects"):
                assert all(f"{len(card.labels)}-objects" == name for card in part)


def test_statistics_count_by_hand() -> None:
    one = Card(
        "a", Path(), "park", ("red cup", "dog"), ("cup", "dog"), ((0, "left of", 1, "direction"),), 0, "", {"count": 2}
    )
    two = Card("b", Path(), "park", ("cup",), ("cup",), (), 0, "", {"count": 1, "existence": 4})
    found = statistics([one, two])
    assert (found["samples"], found["scenes"], found["distinct_objects"]) == (2, 1, 2)
    assert found["objects"] == {"cup": 2, "dog": 1} and found["relations"] == {"on the left of": 1}
    assert found["objects_per_picture"] == {"1": 1, "2": 1} and found["questions"] == {"existence": 4, "count": 3}


def test_like_pictures_have_like_hashes() -> None:
    picture = coffee(300, 200)
    brighter = np.clip(picture.astype(int) + 12, 0, 255).astype(np.uint8)
    smaller = picture[::2, ::2]
    mirrored = picture[:, ::-1]
    hashes = [fingerprint(p) for p in (picture, brighter, smaller, mirrored)]
    assert alike(hashes) == [(0, 1), (0, 2), (1, 2)]


def test_from_the_command_line(tmp_path: Path) -> None:
    run("synthesize", "--scenes", "4", "--seed", "5", "--out", tmp_path / "all")
    made = loaded(run("holdout", "--samples", tmp_path / "all", "--share", "0.5", "--out", tmp_path / "split", "--json"))
    assert made["n_train"] + made["n_holdout"] == made["samples"] == 4 and made["n_holdout"] > 0
    for part in ("train", "holdout"):
        ids = sorted(p.name for p in (tmp_path / "split" / part).iterdir())
        assert ids == sorted(json.loads((tmp_path / "split" / "split.json").read_text())[part])
    exported = loaded(
        run("export", "--samples", tmp_path / "split" / "holdout", "--format", "llava", "--out", tmp_path / "x", "--json")
    )
    assert exported["samples"] == made["n_holdout"]
    again = run("holdout", "--samples", tmp_path / "all", "--share", "0.5", "--out", tmp_path / "split")
    assert again.returncode == 1 and "is there already" in again.stderr
    stats = loaded(run("dataset", "stats", "--samples", tmp_path / "all", "--json"))
    assert stats["samples"] == 4 and sum(stats["objects_per_picture"].values()) == 4
    none = run("dataset", "stats", "--samples", tmp_path / "x")
    assert none.returncode == 1 and "No sample folder" in none.stderr
