"""A diffusion engine in the studio and in a batch: measured afterwards, tried again, stopped, and failing cleanly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.objects import SceneObject
from spacestudio.engines import IMAGINE
from spacestudio.engines.progress import Told, listening
from spacestudio.engines.protocols import Detection
from spacestudio.errors import Cancelled, InputError, Unavailable
from spacestudio.formats.folder import read_sample
from spacestudio.formats.pictures import Picture
from spacestudio.services import judge
from spacestudio.services.batch import synthesize_scenes
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.imagine import AGAIN, Looks, is_better, measure, overheard, standing
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio, best_of
from spacestudio.settings import settings
from tests.engines import tiny_images, tiny_objects
from tests.engines.tiny import one_line
from tests.support import small_scene

pytestmark = pytest.mark.skipif(bool(IMAGINE["gligen"].missing()), reason="needs: pip install -r requirements-models.txt")
OWNER = "owner-of-these-tests-0001"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")
    yield {
        "gligen": tiny_images.save_sd(root / "tiny-gligen", attention_type="gated"),
        "inpaint": tiny_images.save_sd(root / "tiny-inpaint", in_channels=9),
        "owlv2": tiny_objects.owl(root / "tiny-owlv2", "Owlv2"),
    }
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def few_steps(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from spacestudio.engines.imagine.diffusion import Diffusion
    from spacestudio.engines.models import SHELF

    monkeypatch.setattr(Diffusion, "steps", 3)
    monkeypatch.setenv("SPACE_STUDIO_MODELS", ",".join(f"{name}={folder}" for name, folder in folders.items()))
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()
    SHELF.clear()


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path / "data")


@pytest.fixture
def sample_id(studio: Studio) -> str:
    """Two discs, of which the ball is to be right of the lamp."""
    image, depth, camera, objects = small_scene(96, 128)
    ready = Ready([Detection(o.label, o.box, 1.0, o.mask) for o in objects], "made")
    made = studio.add_picture(OWNER, Picture(image, to_png(image), "small.png", ()), recipe=Recipe(depth, camera, ready))
    studio.act(OWNER, made, lambda s: judge.want_relation(s, "ball-1", "right of", "lamp-1"))
    return made


def no_memory(*_: Any, **__: Any) -> None:
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\n  at x")


def run_of(sample: Any, stage: str) -> Any:
    return next((run for run in sample.provenance if run.stage == stage), None)


def test_candidates_by_their_seeds_measured_and_verified(studio, sample_id):
    heard: list[Told] = []
    before = studio.open(OWNER, sample_id)
    told = list(studio.regenerate_many(OWNER, [sample_id], "gligen", 7, 3, hear=heard.append, again=0))
    assert [(a.number, a.total, a.problem) for a in told] == [(1, 3, ""), (2, 3, ""), (3, 3, "")]
    assert sum(t.preview is not None for t in heard) == 3 * 3, "each step of each picture"
    made = studio.candidates(OWNER, sample_id)
    assert [c.seed for c in made] == [7, 8, 9] and len({c.sample.image.tobytes() for c in made}) == 3
    for c in made:
        assert c.sample.layout == before.layout, "the model is shown the layout that the person sees"
        found = run_of(c.sample, "objects")
        assert (found.engine, found.settings["labels"]) == ("owlv2", ["ball", "lamp"])
        assert run_of(c.sample, "image").settings["model"] == "tiny-gligen"
        assert run_of(c.sample, "depth").engine == "cues" and any("“cues”" in line for line in c.sample.warnings)
        assert {o.label for o in c.sample.objects} <= {"ball", "lamp"} and all(o.origin == "model" for o in c.sample.objects)
        assert not set(c.sample.graph.ids) & set(before.graph.ids), "who stands for whom is found, not taken from ids"
        assert [r.triple for r in c.sample.verdicts] == [("ball-1", "right of", "lamp-1")]
    best = best_of(made)
    keys = [standing(r.verdict for r in c.sample.verdicts) for c in made]
    assert best is made[keys.index(min(keys))]
    kept = studio.open(OWNER, studio.keep(OWNER, sample_id, best.id))
    assert kept.verdicts == best.sample.verdicts and kept.parent == sample_id
    assert run_of(kept, "image").seed == best.seed
    np.testing.assert_array_equal(kept.image, best.sample.image)


def test_only_what_failed_is_tried_again_and_the_limit_is_recorded(studio, sample_id):
    attempts = []
    for seed in range(18, 58, 2):
        attempts = list(studio.regenerate_many(OWNER, [sample_id], "gligen", seed, 1))
        if len(attempts) > 1:
            break
    assert 2 <= len(attempts) <= 1 + AGAIN, "one of twenty pictures of a random network fails"
    first = attempts[0].candidate
    assert first is not None and first.counts["failed"]
    best = first
    for k, a in enumerate(attempts[1:], 1):
        assert a.item.endswith(f"try {k}") and (a.number, a.total) == (1, 1)
        if a.candidate is None:
            assert a.problem == "no better"
            continue
        assert is_better(a.candidate.sample.verdicts, best.sample.verdicts)
        assert a.candidate.sample.layout == first.sample.layout, "its places were right"
        record = run_of(a.candidate.sample, "retry").settings
        assert record == {"try": k, "limit": AGAIN, "of_seed": first.seed, "another": "seed"}
        assert a.candidate.seed != first.seed
        best = a.candidate


def test_stopped_in_the_middle_of_a_picture(studio, sample_id):
    before = studio.open(OWNER, sample_id)
    blobs = sorted(p.name for p in (studio.data / "blobs").rglob("*") if p.is_file())
    heard: list[Told] = []

    def steps() -> int:
        return sum(t.preview is not None for t in heard)

    told = list(studio.regenerate_many(OWNER, [sample_id], "gligen", 0, 4, lambda: steps() < 5, heard.append))
    assert len(told) == 1 and told[0].candidate is not None, "the second picture was stopped at its second step"
    assert steps() == 5
    assert len(studio.candidates(OWNER, sample_id)) == 1, "what was made stays"
    assert studio.open(OWNER, sample_id).events == before.events
    assert sorted(p.name for p in (studio.data / "blobs").rglob("*") if p.is_file()) == blobs
    assert len(studio.samples(OWNER)) == 1

    def stop(told: Told) -> None:
        raise Cancelled("Stopped")

    with pytest.raises(Cancelled), listening(stop):
        studio.imagine(OWNER, None, 0, image_engine="gligen")
    assert len(studio.samples(OWNER)) == 1
    assert next(studio.regenerate_many(OWNER, [sample_id], "gligen", 50, 1, again=0)).candidate is not None


def test_steps_and_pictures_come_as_they_are_made(studio, sample_id):
    """What the screen shows while it waits; when nobody waits any more, the work ends at its next step."""

    def work(hear: Any) -> Iterator[Any]:
        return studio.regenerate_many(OWNER, [sample_id], "gligen", 0, 3, hear=hear, again=0)

    came = list(overheard(work))
    pictures = [k for k, item in enumerate(came) if not isinstance(item, Told)]
    assert [came[k].candidate.seed for k in pictures] == [0, 1, 2]
    assert pictures[0] > 0 and all(b - a > 1 for a, b in pairwise(pictures)), "steps between the pictures"
    assert any(item.preview is not None for item in came if isinstance(item, Told))

    studio._kept.candidates.clear()
    some = overheard(work)
    assert isinstance(next(some), Told)
    some.close()
    for thread in [t for t in threading.enumerate() if t.name == "pictures"]:
        thread.join(60)
        assert not thread.is_alive()
    assert not studio.candidates(OWNER, sample_id)

    with pytest.raises(InputError, match="pictures at once"):
        list(overheard(lambda hear: studio.regenerate_many(OWNER, [sample_id], count=99)))


def test_the_screen_tells_of_steps(studio, sample_id):
    from spacestudio.ui.tabs.regenerate import _make

    studio.start_work(OWNER)
    lines = list(_make(studio, OWNER, sample_id, "gligen", 1, 1))
    assert any("step" in line and isinstance(what, Told) and what.preview is not None for line, what in lines)
    assert "made." in lines[-1][0] and studio.candidates(OWNER, sample_id)


def test_no_memory_is_told_and_leaves_everything_as_it_was(studio, sample_id, monkeypatch):
    from diffusers import UNet2DConditionModel

    before = studio.open(OWNER, sample_id)
    with monkeypatch.context() as broken:
        broken.setattr(UNet2DConditionModel, "forward", no_memory)
        told = list(studio.regenerate_many(OWNER, [sample_id], "gligen", 0, 2))
    assert len(told) == 2 and all(a.candidate is None and "ran out of memory" in a.problem for a in told)
    assert "\n" not in told[0].problem
    assert not studio.candidates(OWNER, sample_id) and studio.open(OWNER, sample_id).events == before.events
    assert studio.regenerate(OWNER, sample_id, "gligen", 1).sample.image.shape == (96, 128, 3)


def test_what_nothing_looked_for_is_undecided(studio, sample_id, monkeypatch, tmp_path):
    monkeypatch.setenv("SPACE_STUDIO_MODELS", f"owlv2={tmp_path / 'absent'},{settings().models}")
    settings.cache_clear()
    made = studio.regenerate(OWNER, sample_id, "gligen", 1)
    assert made.counts == {"verified": 0, "failed": 0, "undecided": 1}
    assert any("“proposals”" in line and "absent" in line for line in made.sample.warnings)
    asked = made.sample.target
    assert asked is not None
    with pytest.raises(Unavailable):
        measure(made.sample.image, asked, Looks(objects=f"owlv2:{tmp_path / 'absent'}"))
    _, found, notes = measure(made.sample.image, asked, Looks("none", "none"))
    assert not found.objects and not notes


def test_inpainting_keeps_the_photo(studio, sample_id):
    before = studio.open(OWNER, sample_id)
    studio.act(OWNER, sample_id, lambda s: [("want.reset", {})])
    studio.act(OWNER, sample_id, lambda s: judge.want_box(s, "ball-1", (20, 50, 54, 84)))
    made = studio.regenerate(OWNER, sample_id, "inpaint", 3).sample
    lamp = before.graph["lamp-1"].mask
    changed = (made.image != before.image).any(2)
    assert changed[50:84, 20:54].mean() > 0.9 and changed.mean() < 0.5
    assert not changed[lamp].any() and not changed[:, 100:].any()


def kitchen() -> SpatialGraph:
    things = [SceneObject("cup-1", "cup", Box(0, 0, 0, 0)), SceneObject("dog-1", "dog", Box(0, 0, 0, 0))]
    return SpatialGraph.of(things, [Relation("cup-1", "left of", "dog-1", "direction", "image")], "kitchen", ("table",))


def test_a_batch_keeps_the_best_with_its_verdicts(tmp_path):
    lines: list[str] = []
    report = synthesize_scenes(
        [("one", kitchen(), "")], 0, tmp_path, 4, image="gligen", candidates=2, tell=lines.append, retries=1
    )
    assert not report.failed
    (made,) = report.samples
    sample = read_sample(made.folder)
    record = run_of(sample, "choice").settings
    seeds = [row["seed"] for row in record["tried"]]
    assert seeds == [4, 4 + 1009, 4 + 2 * 1009][: len(seeds)] and len(seeds) in (2, 3)
    assert (record["candidates"], record["retries"], record["kept_seed"]) == (2, 1, run_of(sample, "image").seed)
    order = [(-row["verified"], row["failed"]) for row in record["tried"]]
    assert seeds[order.index(min(order))] == record["kept_seed"], record["rule"]
    assert len(seeds) == 3 if min(order[:2])[1] else len(seeds) == 2, "once more only when the best fails"
    assert run_of(sample, "objects").settings["labels"] == ["cup", "dog", "table"], "also what must not appear"
    assert sample.layout is not None and "table" in sample.layout.negative_prompt
    assert any(line.endswith("step 3 of 3") for line in lines)


def test_a_batch_writes_no_half_of_a_sample(tmp_path, monkeypatch):
    from diffusers import UNet2DConditionModel

    monkeypatch.setattr(UNet2DConditionModel, "forward", no_memory)
    report = synthesize_scenes([("one", kitchen(), "")], 0, tmp_path, image="gligen")
    assert not report.samples and len(report.failed) == 1 and "ran out of memory" in report.failed[0][1]
    report = synthesize_scenes([("two", kitchen(), "")], 0, tmp_path, image="inpaint")
    assert "there is none" in report.failed[0][1]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Unavailable) as caught:
        IMAGINE.make(f"gligen:{tmp_path / 'absent'}").render(None, None)  # type: ignore[arg-type]
    assert "absent" in one_line(caught.value)
