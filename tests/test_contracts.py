"""Every registered relation, question family and format keeps its room's promise; a newcomer is tested on arrival.

Engines have their own contract: tests/engines/test_contract.py.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.qa import QA_STATUSES
from spacestudio.engines import ENGINES
from spacestudio.errors import FormatError, Unavailable, UnknownName
from spacestudio.formats import FORMATS
from spacestudio.geometry.layering import layers_of
from spacestudio.geometry.measure import measure
from spacestudio.qa import FAMILIES as QUESTIONS
from spacestudio.qa.scene import Scene
from spacestudio.registry import Entry, Registry
from spacestudio.relations import FAMILIES as RELATIONS
from spacestudio.relations.family import Family
from spacestudio.relations.relate import VIEWS, relate, seen_from
from spacestudio.relations.rules import RULE_SETS
from spacestudio.services.tell import told
from tests.formats.made import full_sample, plain_sample
from tests.support import small_scene

REGISTRIES: dict[str, Registry] = {
    **ENGINES, "relations": RELATIONS, "rules": RULE_SETS, "questions": QUESTIONS, "formats": FORMATS
}  # fmt: skip
ENTRIES = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry]


def load(registry: Registry, name: str):
    """The target; skips where a package it needs is not installed."""
    if missing := registry[name].missing():
        pytest.skip(f"{name} needs: pip install {' '.join(missing)}")
    return registry.load(name)


def names(registry: Registry):
    """Each entry in turn."""
    return pytest.mark.parametrize("name", list(registry))


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_an_entry_says_what_it_is_and_loads(kind, name):
    entry = REGISTRIES[kind][name]
    assert re.fullmatch(r"[a-z][a-z0-9_-]*", name)
    assert re.fullmatch(r".{10,}[.?]", entry.help), "help is one sentence"
    assert re.fullmatch(r"[a-z0-9_.]+:\w+", entry.target)
    assert entry.built_in or entry.licence, "weights come with a licence"
    assert load(REGISTRIES[kind], name) is not None


@pytest.mark.parametrize("kind", REGISTRIES)
def test_an_unknown_name_is_answered_with_the_known_ones(kind):
    registry = REGISTRIES[kind]
    with pytest.raises(UnknownName, match=re.escape(next(iter(registry)))):
        registry["no-such-thing"]
    assert "no-such-thing" not in registry


def test_a_missing_package_is_named_with_the_line_that_installs_it():
    registry = Registry("engine", {"far": Entry("engines.far:Far", "Not here.", needs=("no_such_package",))})
    with pytest.raises(Unavailable, match="pip install no_such_package"):
        registry.load("far")


@pytest.mark.parametrize("stage", ENGINES)
def test_the_default_engine_of_each_stage_is_built_in(stage):
    registry = ENGINES[stage]
    assert registry[next(iter(registry))].built_in
    assert not registry[next(iter(registry))].missing()


# Relations


@names(RELATIONS)
def test_relation_family(name):
    family = load(RELATIONS, name)
    assert isinstance(family, Family) and family.name == name
    assert set(family.inverses) == set(family.thresholds) and set(family.inverses.values()) == set(family.thresholds)
    assert all(threshold > 0 for threshold in family.thresholds.values())
    assert (family.margins.__doc__ or "").strip(), "the rule is said in words"
    others = {p for n in RELATIONS if n != name for p in RELATIONS.load(n).predicates}
    assert not others & set(family.predicates), "a predicate belongs to one family"


# Questions


def scene() -> Scene:
    _, depth, camera, objects = small_scene(240, 320)
    objects = (
        objects[0].but(attributes=("red",)),
        objects[1],
        objects[1].but(id="lamp-2", box=Box(10, 10, 60, 60), mask=None),
    )
    variants = measure(objects, 320, 240, depth, camera)
    graph = relate(objects, variants, "room", ("dog",))
    views = {view: seen_from(view, objects, variants, graph) for view in VIEWS}
    distances = {o.id: tuple(float(v) for v in z) for o, z in zip(objects, variants[0].z, strict=True)}
    return Scene(graph, 320, 240, views, layers_of(objects, depth), distances, True, "made")


@names(QUESTIONS)
def test_question_family(name):
    asked = scene()
    pairs = load(QUESTIONS, name)(asked)
    assert isinstance(pairs, list)
    assert len({q.key for q in pairs}) == len(pairs), "keys are unique"
    for q in pairs:
        assert q.family == name and q.question.strip() and q.answer.strip()
        assert q.facts, "an answer names what it rests on"
        assert json.loads(json.dumps(q.facts))
        assert not q.options or q.answer in q.options
        assert q.status in QA_STATUSES and q.origin == "geometry"
    assert load(QUESTIONS, name)(asked) == pairs


@names(QUESTIONS)
def test_a_family_has_nothing_to_ask_of_an_empty_scene(name):
    from spacestudio.domain.graph import SpatialGraph

    assert load(QUESTIONS, name)(Scene(SpatialGraph.of(()), 10, 10)) == []


def test_the_made_scene_makes_most_families_ask():
    silent = [name for name in QUESTIONS if not QUESTIONS.load(name)(scene())]
    assert len(silent) <= len(QUESTIONS) // 3, silent


# Formats


@names(FORMATS)
def test_format_round_trip(name, tmp_path):
    fmt = load(FORMATS, name)
    samples = [told(full_sample()), told(plain_sample())]
    assert fmt.name == name
    rows = fmt.rows(samples)
    assert rows and json.loads(json.dumps(rows)) == rows, "JSON values"
    files = fmt.write(samples, tmp_path / "a")
    assert files and all(f.is_file() and f.is_relative_to(tmp_path / "a") for f in files)
    assert fmt.read(tmp_path / "a") == rows
    again = fmt.write(samples, tmp_path / "b")
    for one, other in zip(files, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), f"{one.name}: same samples, same bytes"


@names(FORMATS)
def test_format_refuses_nonsense_in_one_line(name, tmp_path):
    fmt = load(FORMATS, name)
    (tmp_path / "empty").mkdir()
    nonsense = tmp_path / "x.bin"
    nonsense.write_bytes(b"\x00\xff nonsense {")
    for path in (tmp_path / "empty", nonsense, tmp_path / "absent"):
        with pytest.raises(FormatError) as caught:
            fmt.read(path)
        assert "\n" not in str(caught.value)


def test_depth_kinds_are_three_words():
    for kind in ("metric", "relative", "disparity"):
        assert DepthMap.of(np.ones((2, 2), np.float32), kind).kind == kind
    with pytest.raises(ValueError, match="metric, relative or disparity"):
        DepthMap.of(np.ones((2, 2), np.float32), "metres")
