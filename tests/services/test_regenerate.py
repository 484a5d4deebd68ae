"""Several candidates, another try at what failed, many samples at once: what was made stays, and nothing gets worse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.events import fold
from spacestudio.domain.layout import Layout
from spacestudio.engines.imagine.compositor import Compositor
from spacestudio.engines.protocols import Detection, Rendered, Source
from spacestudio.errors import InputError, NotFound
from spacestudio.formats.pictures import Picture
from spacestudio.services import judge
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.imagine import RANK, layout_for
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import MAX_CANDIDATES, MAX_WAITING, Candidate, Studio, best_of
from tests.services.conftest import OWNER
from tests.support import small_scene


@pytest.fixture
def small_id(studio: Studio) -> str:
    """Two discs on a small picture."""
    image, depth, camera, objects = small_scene(120, 160)
    ready = Ready([Detection(o.label, o.box, 1.0, o.mask) for o in objects], "made")
    return studio.add_picture(OWNER, Picture(image, to_png(image), "small.png", ()), recipe=Recipe(depth, camera, ready))


def want(studio: Studio, sample_id: str, subject: str, predicate: str, object_: str) -> None:
    studio.act(OWNER, sample_id, lambda s: judge.want_relation(s, subject, predicate, object_))


def verdicts(c: Candidate) -> list[int]:
    return [RANK[r.verdict] for r in c.sample.verdicts]


def test_consecutive_seeds_make_different_pictures_that_all_show_the_wish(studio: Studio, small_id: str) -> None:
    want(studio, small_id, "ball-1", "right of", "lamp-1")
    told = list(studio.regenerate_many(OWNER, [small_id], count=4))
    assert [(a.number, a.total) for a in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    made = studio.candidates(OWNER, small_id)
    assert len({c.sample.image.tobytes() for c in made}) == len(made) >= 3
    assert all(verdicts(c) == [2] for c in made)
    own = studio.open(OWNER, small_id).layout
    assert own is not None
    assert made[0].sample.layout == own, "seed 0 draws the layout the person sees"
    twice = {a.candidate.id for a in studio.regenerate_many(OWNER, [small_id], count=4) if a.candidate}
    assert twice == {c.id for c in made}, "the same seeds make the same pictures, which wait once"
    assert sorted(c.time for c in made) == [c.time for c in made]


def test_other_seeds_leave_what_the_person_placed(studio: Studio, small_id: str) -> None:
    studio.act(OWNER, small_id, lambda s: judge.want_box(s, "lamp-1", (10, 20, 50, 60)))
    want(studio, small_id, "ball-1", "right of", "lamp-1")
    s = studio.open(OWNER, small_id)
    assert s.target is not None
    for seed in range(4):
        assert layout_for(s, s.target, fold(s.events).wants, seed).boxes["lamp-1"] == Box(10, 20, 50, 60)


def test_retry_mends_what_failed_and_moves_nothing_else(studio: Studio, small_id: str) -> None:
    studio.act(OWNER, small_id, lambda s: judge.add_object(s, "box", (70, 85, 95, 110)))
    want(studio, small_id, "lamp-1", "on", "ball-1")  # the boxes touch, the round things in them don't
    first = studio.regenerate(OWNER, small_id)
    assert first.counts["failed"] == 1
    told = list(studio.retry(OWNER, small_id, first.id))
    better = told[-1].candidate
    assert better is not None
    assert better.counts == {"verified": 1, "failed": 0, "undecided": 0}
    assert better.sample.layout is not None
    assert first.sample.layout is not None
    assert better.sample.layout.boxes["box-1"] == first.sample.layout.boxes["box-1"]
    assert [r.triple for r in better.sample.target or ()] == [r.triple for r in first.sample.target or ()]
    waiting = studio.candidates(OWNER, small_id)
    assert [c.id for c in waiting] == [first.id, better.id]
    assert best_of(waiting) is better
    with pytest.raises(InputError, match="Nothing failed"):
        list(studio.retry(OWNER, small_id, better.id))


@pytest.mark.parametrize("predicate", ["beside", "at the same depth", "shorter", "on", "under", "near"])
def test_retry_never_makes_anything_worse(studio: Studio, small_id: str, predicate: str) -> None:
    want(studio, small_id, "ball-1", predicate, "lamp-1")
    want(studio, small_id, "ball-1", "left of", "lamp-1")
    if studio.open(OWNER, small_id).layout is None:
        pytest.skip("these two don't fit together here")
    first = studio.regenerate(OWNER, small_id)
    if verdicts(first) == [2, 2]:
        with pytest.raises(InputError, match="Nothing failed"):
            list(studio.retry(OWNER, small_id, first.id))
        return
    told = list(studio.retry(OWNER, small_id, first.id, tries=3))
    assert 1 <= len(told) <= 3
    best = verdicts(first)
    for a in told:
        if a.candidate is None:
            assert a.problem
        else:
            assert all(new >= old for new, old in zip(verdicts(a.candidate), best, strict=True))
            assert sum(verdicts(a.candidate)) > sum(best)
            best = verdicts(a.candidate)
    assert first.id in {c.id for c in studio.candidates(OWNER, small_id)}, "the candidate itself stays"


def test_nothing_to_retry_is_said(studio: Studio, small_id: str) -> None:
    studio.act(
        OWNER,
        small_id,
        lambda s: [*judge.want_box(s, "lamp-1", (10, 20, 50, 60)), *judge.want_box(s, "ball-1", (90, 20, 130, 60))],
    )
    want(studio, small_id, "ball-1", "near", "lamp-1")
    if studio.open(OWNER, small_id).layout is not None:
        made = studio.regenerate(OWNER, small_id)
        with pytest.raises(InputError, match=r"where you put them|Nothing failed"):
            list(studio.retry(OWNER, small_id, made.id))
    with pytest.raises(NotFound, match="gone"):
        list(studio.retry(OWNER, small_id, "no-such-candidate"))


def test_cancel_leaves_what_was_made(studio: Studio, small_id: str) -> None:
    want(studio, small_id, "ball-1", "right of", "lamp-1")
    studio.start_work(OWNER)
    told = []
    for a in studio.regenerate_many(OWNER, [small_id], count=4, go_on=lambda: studio.works(OWNER)):
        told.append(a)
        if a.number == 2:
            studio.stop_work(OWNER)
    assert len(told) == 2
    assert {c.id for c in studio.candidates(OWNER, small_id)} == {a.candidate.id for a in told if a.candidate}
    studio.start_work(OWNER)
    assert studio.works(OWNER), "the next work starts although the last one was cancelled"
    studio.end_work(OWNER)
    assert not studio.works(OWNER)


def test_one_failing_picture_takes_no_other_with_it(studio: Studio, small_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Compositor.render

    def fragile(self: Compositor, layout: Layout, source: Source | None = None, seed: int = 0) -> Rendered:
        if seed == 1:
            raise RuntimeError("the engine broke")
        return drawn(self, layout, source, seed)

    monkeypatch.setattr(Compositor, "render", fragile)
    want(studio, small_id, "ball-1", "right of", "lamp-1")
    told = list(studio.regenerate_many(OWNER, [small_id], count=3))
    assert [a.candidate is not None for a in told] == [True, False, True]
    assert "the engine broke" in told[1].problem
    assert len(studio.candidates(OWNER, small_id)) >= 1


def test_many_samples_at_once_name_what_failed(studio: Studio, small_id: str) -> None:
    image, depth, camera, objects = small_scene(96, 128)
    ready = Ready([Detection(o.label, o.box, 1.0, o.mask) for o in objects], "made")
    other = studio.add_picture(OWNER, Picture(image, to_png(image), "other.png", ()), recipe=Recipe(depth, camera, ready))
    blank = Picture(np.zeros((40, 40, 3), np.uint8), to_png(np.zeros((40, 40, 3), np.uint8)), "blank.png", ())
    unasked = studio.add_picture(OWNER, blank, recipe=Recipe(depth="none", objects="none"))
    for i in (small_id, other):
        want(studio, i, "ball-1", "right of", "lamp-1")
    assert [e.id for e in studio.wishful(OWNER)] == [small_id, other]
    told = list(studio.regenerate_many(OWNER, [small_id, unasked, other], count=2))
    assert told[-1].number == told[-1].total == 6
    assert [a.sample_id for a in told if a.candidate is None] == [unasked]
    assert "Nothing was asked" in next(a.problem for a in told if a.sample_id == unasked)
    found = {e.id: made for e, made in studio.waiting(OWNER)}
    assert set(found) == {small_id, other}
    for i, made in found.items():
        best = best_of(made)
        assert best is not None
        assert studio.open(OWNER, studio.keep(OWNER, i, best.id)).parent == i
    assert studio.waiting("someone-else-entirely-02") == []


@pytest.mark.parametrize(("ids", "count"), [(1, 0), (1, MAX_CANDIDATES + 1), (MAX_WAITING, 2)])
def test_too_many_pictures_are_refused(studio: Studio, small_id: str, ids: int, count: int) -> None:
    with pytest.raises(InputError, match="pictures at once"):
        list(studio.regenerate_many(OWNER, [small_id] * ids, count=count))


def test_a_kept_candidate_is_measured_whole(studio: Studio, small_id: str) -> None:
    want(studio, small_id, "ball-1", "right of", "lamp-1")
    made: Any = studio.regenerate(OWNER, small_id, seed=2)
    assert made.sample.cloud is None, "what waits is light"
    kept = studio.open(OWNER, studio.keep(OWNER, small_id, made.id))
    assert kept.cloud is not None
    assert kept.qa
    assert {r.stage: r.seed for r in kept.provenance if r.stage in ("layout", "image")} == {"layout": 2, "image": 2}
