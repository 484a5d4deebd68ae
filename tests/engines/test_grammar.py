"""The common-sense grammar: its data, and that every sampled graph holds together."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from spacestudio.engines.language import grammar as module
from spacestudio.engines.language.grammar import (
    Grammar,
    SampledScene,
    load_grammar,
    match_scene,
    sample_scene,
)
from spacestudio.errors import UnknownName

COCO = """\
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop
sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack,
umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball
glove, skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana,
apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed,
dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink,
refrigerator, book, clock, vase, scissors, teddy bear, hair drier, toothbrush"""
ALLOWED = {
    "left of", "right of", "above", "below", "in front of", "behind",
    "on", "under", "inside", "near", "far", "beside",
}  # fmt: skip
PALETTE = [
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
    "gray",
    "tan",
]
DATA = Path(module.__file__).with_name("commonsense.json")
GRAMMAR = load_grammar()
SCENES = list(GRAMMAR.scenes)
ASKED = {(p.subject, p.phrase, p.object) for p in GRAMMAR.pairs}
RULED = {(r.subject_category, phrase, r.object_category) for r in GRAMMAR.relations for phrase in r.phrases}


# An independent checker: it knows the triplets and the data, not how they were sampled.


def faults(grammar: Grammar, sampled: SampledScene) -> list[str]:
    """Everything wrong with a sampled scene, in words."""
    wrong: list[str] = []
    scene = grammar.scenes[sampled.scene]
    labels = [label for label, _ in sampled.objects]
    kinds = [grammar.objects[label] for label in labels]
    names = [" ".join((*attributes, label)) for label, attributes in sampled.objects]
    if len(set(sampled.objects)) < len(sampled.objects):
        wrong.append("twins that can't be told apart")
    for label, attributes in sampled.objects:
        if label not in scene.objects:
            wrong.append(f"{label} does not belong here")
        if not attributes or not set(attributes) <= set(grammar.objects[label].attributes):
            wrong.append(f"{label} can't be {attributes}")
        if labels.count(label) > 1 and not grammar.objects[label].plural_ok:
            wrong.append(f"two {label}")
    if set(sampled.negative_objects) & set(labels) or not sampled.negative_objects:
        wrong.append("excluded objects")
    if "person" in sampled.negative_objects and any(kind.category == "person" for kind in kinds):
        wrong.append("person excluded beside a person")

    pairs = Counter(frozenset((s, o)) for s, _, o in sampled.triplets)
    wrong += [f"{len(pair)} ends, said {times} times" for pair, times in pairs.items() if times > 1 or len(pair) != 2]
    wrong += [f"{names[i]} in no triplet" for i in range(len(labels)) if not any(i in pair for pair in pairs)]

    across, away, up, carried = nx.DiGraph(), nx.DiGraph(), nx.DiGraph(), nx.DiGraph()
    bodies = nx.Graph()
    bodies.add_nodes_from(range(len(labels)))
    for s, phrase, o in sampled.triplets:
        if phrase not in ALLOWED:
            wrong.append(f"phrase {phrase}")
        if phrase in ("left of", "right of"):
            across.add_edge(*((s, o) if phrase == "left of" else (o, s)))
        if phrase in ("in front of", "behind"):
            away.add_edge(*((s, o) if phrase == "in front of" else (o, s)))
        if phrase in ("above", "on", "below", "under"):
            up.add_edge(*((s, o) if phrase in ("above", "on") else (o, s)))
        if phrase in ("on", "under", "inside"):
            load, host = (o, s) if phrase == "under" else (s, o)
            carried.add_edge(load, host)
            bodies.add_edge(load, host)
            small, big = kinds[load], kinds[host]
            if not big.size_m[0] > small.size_m[0]:
                wrong.append(f"{names[load]} too wide for {names[host]}")
            if phrase == "inside" and not big.size_m[1] > small.size_m[1]:
                wrong.append(f"{names[load]} too tall for {names[host]}")
            if phrase != "inside" and not big.supports:
                wrong.append(f"{names[host]} carries nothing")
            word = "inside" if phrase == "inside" else "on"
            asked = (labels[load], word, labels[host]) in ASKED
            ruled = (small.category, "on", big.category) in RULED
            if not asked and not (word == "on" and ruled and labels[host] in scene.anchors and "surface" in small.rests):
                wrong.append(f"nobody puts {names[load]} {word} {names[host]}")
        if phrase in ("above", "below"):
            high, low = (s, o) if phrase == "above" else (o, s)
            shelters = (labels[low], "under", labels[high]) in ASKED
            if not shelters and not {"air", "wall"} & set(kinds[high].rests):
                wrong.append(f"{names[high]} can't be above {names[low]}")
    for title, graph in (
        ("left/right", across),
        ("front/behind", away),
        ("up/down", up),
        ("carried", carried),
    ):
        if not nx.is_directed_acyclic_graph(graph):
            wrong.append(f"circle in {title}: {[names[i] for i, _ in nx.find_cycle(graph)]}")
    wrong += [f"{names[i]} rests on {n} things" for i, n in carried.out_degree() if n > 1]

    # What is carried goes where its carrier goes, so whole bodies must have an order too.
    body = {i: number for number, members in enumerate(nx.connected_components(bodies)) for i in members}
    for title, graph in (("left/right", across), ("front/behind", away)):
        whole = nx.DiGraph((body[a], body[b]) for a, b in graph.edges if body[a] != body[b])
        if not nx.is_directed_acyclic_graph(whole):
            wrong.append(f"circle of bodies in {title}")
    wrong += [
        f"{names[s]} far from its own body" for s, phrase, o in sampled.triplets if phrase == "far" and body[s] == body[o]
    ]
    return wrong


def sample(seed: int, scene: str | None = None, n: tuple[int, int] = (3, 6)) -> SampledScene:
    return sample_scene(GRAMMAR, random.Random(seed), scene, n)


# The data


def test_counts_are_those_promised():
    assert len(GRAMMAR.scenes) >= 44
    assert len(GRAMMAR.objects) >= 320
    assert len(GRAMMAR.pairs) >= 120
    assert {scene.setting for scene in GRAMMAR.scenes.values()} == {"indoor", "outdoor"}
    assert {kind.category for kind in GRAMMAR.objects.values()} == set(module.CATEGORIES)
    assert set(module.PHRASES) == ALLOWED


def test_every_coco_name_is_known_and_used():
    names = [name.strip() for name in COCO.replace("\n", " ").split(",")]
    assert len(names) == 80
    used = {label for scene in GRAMMAR.scenes.values() for label in scene.objects}
    assert [name for name in names if name not in GRAMMAR.objects or name not in used] == []


def test_every_object_and_pair_is_reachable():
    used = {label for scene in GRAMMAR.scenes.values() for label in scene.objects}
    assert set(GRAMMAR.objects) - used == set()
    reachable = {(p.subject, p.phrase, p.object) for s in GRAMMAR.scenes.values() for p in GRAMMAR.pairs_in(s)}
    assert [p for p in GRAMMAR.pairs if (p.subject, p.phrase, p.object) not in reachable] == []


@pytest.mark.parametrize("name", SCENES)
def test_scene_is_complete(name):
    scene = GRAMMAR.scenes[name]
    assert 8 <= len(scene.objects) <= 20
    assert 3 <= len(scene.absent) <= 8
    assert set(scene.objects) | set(scene.absent) | set(scene.anchors) <= set(GRAMMAR.objects)
    assert not set(scene.objects) & set(scene.absent)
    assert len({GRAMMAR.objects[label].category for label in scene.objects}) >= 3
    assert GRAMMAR.pairs_in(scene)
    shown = f" {scene.background} ".replace(",", " ")
    assert [label for label in scene.absent if f" {label} " in shown] == []


def test_attributes_begin_with_colours():
    for label, kind in GRAMMAR.objects.items():
        rank = [word not in PALETTE for word in kind.attributes]
        assert rank == sorted(rank), label


def test_sizes_are_those_of_the_world():
    height = {label: kind.size_m[1] for label, kind in GRAMMAR.objects.items()}
    order = ["cup", "cat", "dog", "person", "giraffe", "tree", "building", "lighthouse", "skyscraper"]
    assert [height[label] for label in order] == sorted(height[label] for label in order)
    for label, kind in GRAMMAR.objects.items():
        if kind.category == "person":
            assert 0.5 < kind.size_m[1] < 2.0, label
        if kind.category == "food":
            assert max(kind.size_m) < 0.7, label
        if kind.category == "building":
            assert max(kind.size_m) > 0.9, label
    assert len({kind.size_m for kind in GRAMMAR.objects.values()}) > 250


def broken(**changes: object) -> str:
    return json.dumps(json.loads(DATA.read_text(encoding="utf-8")) | changes)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ({"subject": "car", "phrase": "on", "object": "plate", "weight": 1}, "wider supporter"),
        ({"subject": "cup", "phrase": "on", "object": "elephant egg", "weight": 1}, "unknown object"),
        ({"subject": "cup", "phrase": "next to", "object": "plate", "weight": 1}, "Input should be"),
        ({"subject": "dining table", "phrase": "under", "object": "dog", "weight": 1}, "wider and taller"),
        ({"subject": "cow", "phrase": "above", "object": "barn", "weight": 1}, "neither flies nor hangs"),
        ({"subject": "cup", "phrase": "beside", "object": "plate", "weight": 0}, "greater than 0"),
        ({"subject": "cup", "phrase": "beside", "object": "plate", "weight": 1, "why": ""}, "Extra inputs"),
    ],
)
def test_an_impossible_pair_is_refused(pair, words):
    pairs = json.loads(DATA.read_text(encoding="utf-8"))["pairs"]
    with pytest.raises(ValidationError, match=words):
        Grammar.model_validate_json(broken(pairs=[*pairs, pair]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"objects": ["unicorn"]}, "unknown object 'unicorn'"),
        ({"anchors": ["unicorn"]}, "unknown object 'unicorn'"),
        ({"absent": ["dining table"]}, "present and absent"),
        ({"anchors": ["cat"]}, "can't be an anchor"),
        ({"objects": ["chair"]}, "said twice"),
    ],
)
def test_a_scene_that_contradicts_itself_is_refused(change, words):
    scenes = json.loads(DATA.read_text(encoding="utf-8"))["scenes"]
    for key, more in change.items():
        scenes["family kitchen"][key] = [*scenes["family kitchen"][key], *more][-20:]
    with pytest.raises(ValidationError, match=words):
        Grammar.model_validate_json(broken(scenes=scenes))


def test_missing_rules_are_refused():
    rules = [r for r in json.loads(DATA.read_text(encoding="utf-8"))["relations"] if "behind" not in r["phrases"]]
    with pytest.raises(ValidationError, match="no rule for"):
        Grammar.model_validate_json(broken(relations=rules))


# The checker can say no

OFFICE = SampledScene(
    "home office desk", "a quiet study", "wood", "indoor",
    (("desk", ("brown",)), ("laptop", ("black",)), ("mug", ("red",)), ("office chair", ("gray",))),
    ((1, "on", 0), (2, "on", 0), (3, "in front of", 0)),
    ("cow",),
)  # fmt: skip


def test_the_checker_accepts_a_sound_scene():
    assert faults(GRAMMAR, OFFICE) == []


@pytest.mark.parametrize(
    ("triplets", "words"),
    [
        ([(1, "on", 0), (2, "on", 0)], "in no triplet"),
        ([(1, "on", 0), (0, "under", 1), (2, "on", 0), (3, "near", 0)], "said 2 times"),
        ([(0, "on", 1), (2, "on", 0), (3, "near", 0)], "too wide"),
        ([(1, "left of", 2), (2, "left of", 3), (1, "right of", 3), (0, "near", 3)], "circle in left/right"),
        ([(1, "behind", 2), (2, "behind", 3), (3, "behind", 1), (0, "near", 3)], "circle in front/behind"),
        ([(1, "on", 0), (0, "left of", 3), (3, "left of", 1), (2, "on", 0)], "circle of bodies"),
        ([(1, "on", 0), (2, "on", 0), (2, "on", 1), (3, "near", 0)], "rests on 2"),
        ([(1, "on", 0), (2, "on", 0), (0, "above", 3)], "can't be above"),
        ([(1, "on", 0), (2, "far", 0), (1, "far", 2), (3, "near", 0), (2, "on", 1)], "said 2 times"),
        ([(1, "inside", 2), (2, "on", 0), (3, "near", 0)], "too tall"),
    ],
)
def test_the_checker_refuses_an_unsound_scene(triplets, words):
    assert words in "; ".join(faults(GRAMMAR, replace(OFFICE, triplets=tuple(triplets))))


# Sampling


@pytest.mark.parametrize("block", range(10))
def test_500_seeds_give_sound_graphs(block):
    for seed in range(block * 50, block * 50 + 50):
        sampled = sample(seed)
        assert 3 <= len(sampled.objects) <= 6
        assert faults(GRAMMAR, sampled) == [], f"seed {seed}: {sampled}"
        assert nx.is_connected(nx.Graph((s, o) for s, _, o in sampled.triplets))


@pytest.mark.parametrize("name", SCENES)
def test_every_scene_can_be_sampled_in_every_size(name):
    kind = GRAMMAR.scenes[name]
    for seed, n in enumerate([(2, 2), (3, 3), (4, 6), (8, 8), (8, 8), (8, 12)]):
        sampled = sample(seed, name, n)
        assert (sampled.scene, sampled.background, sampled.ground, sampled.setting) == (
            name, kind.background, kind.ground, kind.setting,
        )  # fmt: skip
        assert n[0] <= len(sampled.objects) <= n[1]
        assert faults(GRAMMAR, sampled) == [], f"seed {seed}: {sampled}"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**63), st.sampled_from([None, *SCENES]), st.integers(2, 8), st.integers(0, 6))
def test_any_seed_any_scene_is_sound(seed, name, low, more):
    sampled = sample(seed, name, (low, low + more))
    assert low <= len(sampled.objects) <= low + more
    assert faults(GRAMMAR, sampled) == []


def test_the_seed_decides_and_the_global_generator_is_left_alone():
    random.seed(1)
    before = random.getstate()
    assert [sample(seed) for seed in range(40)] == [sample(seed) for seed in range(40)]
    assert random.getstate() == before
    assert len({sample(seed) for seed in range(40)}) == 40


def test_sampling_is_varied():
    scenes = [sample(seed) for seed in range(1500)]
    phrases = Counter(phrase for scene in scenes for _, phrase, _ in scene.triplets)
    assert set(phrases) == ALLOWED
    assert max(phrases.values()) < 0.35 * sum(phrases.values())
    assert {len(scene.objects) for scene in scenes} == {3, 4, 5, 6}
    assert len({scene.scene for scene in scenes}) == len(SCENES)
    assert len({label for scene in scenes for label, _ in scene.objects}) > 0.9 * len(GRAMMAR.objects)
    twins = [s for s in scenes if len({label for label, _ in s.objects}) < len(s.objects)]
    assert 0.02 * len(scenes) < len(twins) < 0.4 * len(scenes)


def test_things_that_need_a_table_have_one():
    for seed in range(200):
        sampled = sample(seed, "home office desk")
        labels = [label for label, _ in sampled.objects]
        assert not {"laptop", "keyboard", "monitor"} & set(labels) or "desk" in labels


def test_a_shelter_is_not_a_load():
    """ "dog under dining table" in the data must not read as a table carried by a dog."""
    seen = 0
    for seed in range(400):
        sampled = sample(seed, "family dinner in the dining room") if seed % 2 else sample(seed, "chess in the park")
        labels = [label for label, _ in sampled.objects]
        for s, phrase, o in sampled.triplets:
            if {labels[s], labels[o]} in ({"dog", "picnic table"}, {"person", "dining table"}):
                assert phrase not in ("on", "under", "inside")
            seen += {labels[s], labels[o]} == {"dog", "picnic table"} and phrase in ("above", "below")
    assert seen > 5


@pytest.mark.parametrize("n", [(1, 3), (0, 0), (5, 4), (30, 40)])
def test_impossible_sizes_are_refused(n):
    with pytest.raises(ValueError, match="n_objects"):
        sample(0, "bathroom", n)


# Names of scenes


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_found_by_its_own_name(name):
    assert match_scene(GRAMMAR, name) == name
    assert match_scene(GRAMMAR, f"  {name.upper()} ") == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a kitchen", {"family kitchen", "restaurant kitchen", "kitchen counter at breakfast"}),
        ("two cats in the living room", {"living room in the evening", "christmas living room"}),
        ("the beach at noon", {"sunny beach", "surfing beach"}),
        ("somewhere at the airport", {"airport runway", "airport waiting hall"}),
        ("playgrounds", {"playground"}),
        ("a hospital", {"hospital room"}),
        ("ski slopes", {"ski slope"}),
        ("a camel and a cactus", {"desert"}),
        ("penguins", {"polar ice", "ice rink"}),
    ],
)
def test_words_find_the_nearest_scene(text, expected):
    assert match_scene(GRAMMAR, text) in expected


@pytest.mark.parametrize("text", ["", "   ", "the of and", "quantum chromodynamics", "?!"])
def test_nothing_shared_is_no_scene(text):
    assert match_scene(GRAMMAR, text) is None


def test_sampling_by_words_and_by_unknown_words():
    assert "kitchen" in sample(3, "a kitchen").scene
    with pytest.raises(UnknownName, match="quantum"):
        sample(3, "quantum chromodynamics")
