"""What every registered engine of every stage must do: built-in ones as they are, the others with a tiny model.

An engine that brings weights, or asks another machine, must have a line in MODELS or SERVED here: without one its tests fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.layout import Layout
from spacestudio.engines import ENGINES
from spacestudio.engines.progress import Told, listening
from spacestudio.engines.protocols import Detection, Reply, Source
from spacestudio.errors import Cancelled, SpaceStudioError, Unavailable
from spacestudio.reasoning.consistency import clashes
from spacestudio.settings import settings
from tests.engines import tiny, tiny_images, tiny_objects
from tests.engines.talking import kitchen, serving, using
from tests.engines.test_language_hub import hub as hub
from tests.engines.test_language_local import asked, save_model
from tests.engines.tiny import one_line
from tests.support import coffee, small_scene

EVERY = [(stage, name) for stage, registry in ENGINES.items() for name in registry]
LEARNED = [(stage, name) for stage, name in EVERY if not ENGINES[stage][name].built_in]
WITH_WEIGHTS = [(stage, name) for stage, name in LEARNED if "torch" in ENGINES[stage][name].needs]
OTHERS = [pair for pair in LEARNED if pair not in WITH_WEIGHTS]

Factory = Callable[[Path], Path]
MODELS: dict[str, Factory] = {**tiny.FACTORIES, **tiny_objects.MAKERS, "transformers": lambda folder: save_model(folder)}
"""Engine -> what saves a tiny model of it into a folder."""
TOGETHER: dict[str, Callable[[Path], str]] = {
    name: tiny_images.save_all for name, entry in ENGINES["image"].items() if not entry.built_in
}
"""Engine -> what saves all of several models, and says what SPACE_STUDIO_MODELS is then to say."""
SERVED = ("endpoint", "hub")
"""Engines whose model another machine runs: a server on this one stands in for it."""

MADE_BY = {"sdxl-refine": "sdxl-refine:gligen"}
"""What is asked for instead of a name: LMD+ before the refiner takes long."""
STEPS = 2
SETTINGS = {"SPACE_STUDIO_LANGUAGE_TOKENS": "24", "SPACE_STUDIO_LANGUAGE_REPAIRS": "0"}


# Engines ready to run


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks wait for their threads longer than they compute."""
    if ENGINES["depth"]["depth-model"].missing():
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """What SPACE_STUDIO_MODELS is to say for an engine; its tiny model is saved when it is first asked for."""
    root = tmp_path_factory.mktemp("nobodys-folder")
    said: dict[Any, str] = {}

    def of(name: str) -> str:
        if name in TOGETHER:
            if TOGETHER[name] not in said:
                said[TOGETHER[name]] = TOGETHER[name](root / "together")
            return said[TOGETHER[name]]
        if name not in said:
            if name not in MODELS:
                pytest.fail(f"{name} has no tiny model: add one to MODELS in tests/engines/test_contract.py")
            said[name] = f"{name}={MODELS[name](root / name)}"
        return said[name]

    return of


@pytest.fixture
def ready(models, monkeypatch, request) -> Iterator[Callable[[str, str], Callable[[], Any]]]:
    """Prepares an engine's model, and gives what makes the engine."""
    with ExitStack() as stack:

        def prepare(stage: str, name: str, said: str | None = None) -> Callable[[], Any]:
            entry = ENGINES[stage][name]
            if missing := entry.missing():
                pytest.skip(f"{name} needs: {', '.join(missing)}")
            for key, value in SETTINGS.items():
                monkeypatch.setenv(key, value)
            if name in SERVED:
                served(name, stack.enter_context(serving(rule=kitchen)))
            elif not entry.built_in:
                monkeypatch.setenv("SPACE_STUDIO_MODELS", models(name) if said is None else said)
                settings.cache_clear()
            return lambda: quick(ENGINES[stage].make(MADE_BY.get(name, name)))

        def served(name: str, server: Any) -> None:
            at = request.getfixturevalue("hub") if name == "hub" else lambda s: using(monkeypatch, s.url)
            stack.enter_context(at(server))
            request.node.server = server

        def quick(made: Any) -> Any:
            for one in (made, getattr(made, "first", None)):
                if hasattr(one, "steps"):
                    one.steps = STEPS
            return made

        yield prepare
    monkeypatch.undo()
    settings.cache_clear()


# What each is asked, and what it must answer

IMAGE, DEPTH, _, OBJECTS = small_scene(96, 128)
LAYOUT = Layout(
    128, 96, {"ball-1": Box(10, 40, 60, 90), "lamp-1": Box(40, 10, 100, 80)}, ("ball-1", "lamp-1"),
    {"ball-1": "ball", "lamp-1": "lamp"}, background="a room", prompt="a ball before a lamp",
)  # fmt: skip
ODD = [Box(0, 0, 0, 0), Box(127, 95, 128, 96), Box(-50, -50, 500, 500), Box(10.5, 10.5, 10.75, 30)]


def ask(stage: str, made: Any) -> Any:
    """One call of the stage's protocol; nothing given to it may change."""
    if stage == "scene":
        return made.say(asked(), {}, 3) if made.name == "transformers" else made.imagine("kitchen", 3)
    image, boxes = IMAGE.copy(), [o.box for o in OBJECTS] + ODD
    if stage == "depth":
        answer = made.estimate(image, [o.box for o in OBJECTS])
    elif stage == "objects":
        answer = made.detect(image, DEPTH, ("cup", "dog"))
    elif stage == "masks":
        answer = made.segment(image, DEPTH, boxes)
    else:
        answer = made.render(LAYOUT, Source(image, OBJECTS, DEPTH), 3)
    np.testing.assert_array_equal(image, IMAGE, err_msg="the input is not modified")
    assert boxes == [o.box for o in OBJECTS] + ODD
    return answer


def plain(stage: str, answer: Any) -> Any:
    """What two answers must share to be the same."""
    if stage == "depth":
        depth, camera = answer
        return depth and (depth.kind, depth.source, depth.values.tobytes(), depth.valid.tobytes()), camera
    if stage == "objects":
        return [(d.label, d.box, d.score, d.mask is None or d.mask.tobytes()) for d in answer]
    if stage == "masks":
        return [m.tobytes() for m in answer]
    if stage == "image":
        return answer.image.tobytes(), [o.id for o in answer.objects], answer.notes
    return answer.text if isinstance(answer, Reply) else (answer.scene, answer.relations, answer.negative_objects)


def check(stage: str, name: str, answer: Any, size: tuple[int, int] = (96, 128)) -> None:
    """Shapes, types and ranges of the stage's protocol."""
    {"depth": a_depth, "objects": some_objects, "masks": some_masks, "image": a_picture, "scene": a_scene}[stage](
        answer, size
    )


def a_depth(answer: Any, size: tuple[int, int]) -> None:
    depth, camera = answer
    if depth is None:
        assert camera is None
        return
    assert depth.values.shape == depth.valid.shape == size
    assert depth.values.dtype == np.float32 and depth.valid.dtype == bool
    assert depth.valid.any() and np.isfinite(depth.values).all() and (depth.values[depth.valid] >= 0).all()
    assert depth.kind in ("metric", "relative", "disparity") and depth.source, "who made it is shown"
    assert camera is None or (camera.width, camera.height, camera.source) == (size[1], size[0], "model")


def some_objects(answer: Sequence[Detection], size: tuple[int, int]) -> None:
    assert [d.score for d in answer] == sorted((d.score for d in answer), reverse=True), "best first"
    for d in answer:
        assert isinstance(d, Detection) and isinstance(d.label, str) and 0 <= d.score <= 1
        assert d.box == d.box.clipped(size[1], size[0]) and d.box.area > 0
        assert d.mask is None or (d.mask.shape == size and d.mask.dtype == bool and d.mask.any())


def some_masks(answer: Sequence[Any], size: tuple[int, int]) -> None:
    boxes = [o.box for o in OBJECTS] + ODD
    assert len(answer) == len(boxes)
    for mask, box in zip(answer, boxes, strict=True):
        assert mask.shape == size and mask.dtype == bool and mask.any(), "never empty"
        rows, columns = box.slices(size[1], size[0])
        outside = mask.copy()
        outside[rows, columns] = False
        assert not outside.any(), "inside its box"


def a_picture(answer: Any, size: tuple[int, int]) -> None:
    assert answer.image.shape == (*size, 3) and answer.image.dtype == np.uint8
    assert all(isinstance(note, str) and "\n" not in note for note in answer.notes)
    assert answer.depth is None or answer.depth.values.shape == size
    if answer.objects:
        assert [o.id for o in answer.objects] == list(LAYOUT.boxes)
        assert set(answer.visible) == set(LAYOUT.boxes) and all(0 <= share <= 1 for share in answer.visible.values())
        masks = [o.mask for o in answer.objects]
        assert all(m is not None and m.shape == size for m in masks)
        assert not np.logical_and(*masks).any(), "a pixel shows one object"


def a_scene(answer: Any, size: tuple[int, int]) -> None:
    if isinstance(answer, Reply):
        assert answer.text and answer.prompt_tokens > 0 and answer.completion_tokens > 0
        return
    assert len(answer) >= 2 and answer.relations and answer.scene
    assert not {o.label for o in answer.objects} & set(answer.negative_objects)
    assert all(o.box == Box(0, 0, 0, 0) for o in answer.objects)


# The contract


def test_every_engine_with_weights_has_a_tiny_model():
    known = {*MODELS, *TOGETHER, *SERVED}
    assert {name for _, name in LEARNED} == known, "a line in MODELS, TOGETHER or SERVED for each, and none for others"


@pytest.mark.parametrize(("stage", "name"), EVERY)
def test_it_answers_as_its_stage_asks_and_the_same_again(stage, name, ready):
    make = ready(stage, name)
    made = make()
    assert made.name == name and isinstance(made.version, str) and made.version
    before = json.dumps(dict(made.settings))
    answer = ask(stage, made)
    check(stage, name, answer)
    assert plain(stage, ask(stage, made)) == plain(stage, answer), "the same engine"
    if not ENGINES[stage][name].built_in and name not in SERVED:
        from spacestudio.engines.models import SHELF

        SHELF.clear()
    assert plain(stage, ask(stage, make())) == plain(stage, answer), "another one, loaded anew"
    after = json.dumps(dict(made.settings))
    assert json.loads(after) == dict(made.settings), "settings go into provenance"
    for said in (before, after):
        assert "nobodys-folder" not in said, "which folder a model lies in is nobody's business"


@pytest.mark.parametrize(("stage", "name"), [(s, n) for s, n in EVERY if s in ("depth", "objects", "masks")])
def test_small_and_narrow_pictures_and_no_depth(stage, name, ready):
    made = ready(stage, name)()
    for size in ((1, 1), (1, 40), (40, 3)):
        image = np.ascontiguousarray(np.resize(coffee(90, 60), (*size, 3)))
        if stage == "depth":
            a_depth(made.estimate(image), size)
        elif stage == "objects":
            some_objects(made.detect(image, None, ("cup",)), size)
        else:
            (mask,) = made.segment(image, None, [Box(0, 0, size[1], size[0])])
            assert mask.shape == size and mask.any()
    if stage == "masks":
        some_masks(made.segment(IMAGE, None, [o.box for o in OBJECTS] + ODD), (96, 128))
        assert made.segment(IMAGE, DEPTH, []) == []
    if stage == "objects":
        some_objects(made.detect(IMAGE, None), (96, 128))


@pytest.mark.parametrize("name", ENGINES["image"])
def test_a_picture_without_a_photo(name, ready):
    made = ready("image", name)()
    if name == "inpaint":
        with pytest.raises(Unavailable) as caught:
            made.render(LAYOUT, None, 3)
        assert "photo" in one_line(caught.value)
        return
    answer = made.render(LAYOUT, None, 3)
    a_picture(answer, (96, 128))
    np.testing.assert_array_equal(made.render(LAYOUT, None, 3).image, answer.image)


@pytest.mark.parametrize("name", [n for n, e in ENGINES["scene"].items() if e.built_in])
@pytest.mark.parametrize("scene", [None, "kitchen"])
def test_a_built_in_scene_is_always_consistent(name, scene, ready):
    writer = ready("scene", name)()
    for seed in range(5):
        graph = writer.imagine(scene, seed)
        a_scene(graph, (0, 0))
        assert not list(clashes(graph))
        assert writer.imagine(scene, seed).relations == graph.relations


@pytest.mark.parametrize(("stage", "name"), WITH_WEIGHTS)
def test_a_missing_folder_is_one_line(stage, name, ready, tmp_path):
    make = ready(
        stage, name, f"{name}={tmp_path / 'absent'}" + (f",gligen={tmp_path / 'absent'}" if stage == "image" else "")
    )
    with pytest.raises(Unavailable) as caught:
        ask(stage, make())
    assert "absent" in one_line(caught.value) and "SPACE_STUDIO_MODELS=" in str(caught.value)


@pytest.mark.parametrize(("stage", "name"), LEARNED)
def test_it_can_be_stopped_and_used_again(stage, name, ready):
    made = ready(stage, name)()
    told: list[Told] = []
    with listening(told.append):
        answer = ask(stage, made)
    assert told and all(t.words and (t.share is None or 0 <= t.share <= 1) for t in told), "it says what it does"
    for last in {1, len(told)}:
        heard: list[Told] = []

        def stop(one: Told, heard: list[Told] = heard, last: int = last) -> None:
            heard.append(one)
            if len(heard) == last:
                raise Cancelled("Stopped")

        with pytest.raises(Cancelled), listening(stop):
            ask(stage, made)
    assert plain(stage, ask(stage, made)) == plain(stage, answer)


@pytest.mark.parametrize(("stage", "name"), WITH_WEIGHTS)
def test_running_out_of_memory_is_one_line_and_it_works_again(stage, name, ready, monkeypatch):
    import torch

    made = ready(stage, name)()
    answer = ask(stage, made)

    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB\n  at somewhere")

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.Linear, "forward", full)
        with pytest.raises(Unavailable) as caught:
            ask(stage, made)
    assert "out of memory" in one_line(caught.value)
    assert plain(stage, ask(stage, made)) == plain(stage, answer)


@pytest.mark.parametrize(("stage", "name"), OTHERS)
def test_a_server_that_is_gone_is_one_line(stage, name, ready, request, monkeypatch):
    monkeypatch.setenv("SPACE_STUDIO_LANGUAGE_TRIES", "1")
    made = ready(stage, name)()
    request.node.server.http.server_close()
    request.node.server.http.shutdown()
    with pytest.raises(SpaceStudioError) as caught:
        ask(stage, made)
    one_line(caught.value)
