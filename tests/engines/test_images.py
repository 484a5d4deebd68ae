"""The diffusion engines: their real loading, sampling and stopping on tiny models with random weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.layout import Layout
from spacestudio.engines import IMAGINE
from spacestudio.engines.progress import Told, listening
from spacestudio.engines.protocols import Source
from spacestudio.errors import Cancelled, InputError, Unavailable
from spacestudio.settings import settings
from tests.engines import tiny_images
from tests.engines.tiny import one_line
from tests.support import HOSTILE, small_scene

pytestmark = pytest.mark.skipif(bool(IMAGINE["gligen"].missing()), reason="needs: pip install -r requirements-models.txt")
NAMES = [name for name, entry in IMAGINE.items() if not entry.built_in]
PHOTOLESS = [name for name in NAMES if name != "inpaint"]
STEPS = 4
QUICK = {"sdxl-refine": "sdxl-refine:gligen"}
"""What is made instead, for LMD+ takes long."""

LAYOUT = Layout(
    301, 200, {"a": Box(10, 10, 120, 190), "b": Box(150, 60, 290, 190)}, ("a", "b"), {"a": "black cat", "b": "lamp"},
    "kitchen", "kitchen with black cat, lamp", "ball",
)  # fmt: skip
"""Of a size that no network draws."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Tiny models for all engines, as SPACE_STUDIO_MODELS names them; one thread, for several wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tiny_images.save_all(tmp_path_factory.mktemp("models"))
    torch.set_num_threads(threads)


@pytest.fixture
def use(models: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes an engine that takes few steps; `use.models(more)` names other weights."""
    from spacestudio.engines.imagine.diffusion import Diffusion
    from spacestudio.engines.models import SHELF

    def named(more: str = "") -> None:
        monkeypatch.setenv("SPACE_STUDIO_MODELS", ",".join([part for part in (more, models) if part]))
        settings.cache_clear()

    def make(name: str) -> Any:
        made = IMAGINE.make(QUICK.get(name, name))
        for kind in type(made).__mro__:
            if issubclass(kind, Diffusion) and "steps" in vars(kind):
                monkeypatch.setattr(kind, "steps", STEPS)
        return made

    named()
    make.models = named  # type: ignore[attr-defined]
    yield make
    monkeypatch.undo()
    settings.cache_clear()
    SHELF.clear()


def photo() -> Source:
    image, depth, _, objects = small_scene(100, 150)
    return Source(image, objects, depth)


def edited(**boxes: Box) -> Layout:
    """The small photo's layout with other places for some things."""
    places = {o.id: o.box for o in photo().objects} | boxes
    names = {"ball-1": "ball", "lamp-1": "lamp", "cup-1": "cup"}
    return Layout(150, 100, places, tuple(places), {i: names[i] for i in places}, "wall", "wall with ball, lamp", "dog")


def drawn(made: Any, seed: int = 3, layout: Layout | None = None) -> Any:
    """A picture by any engine: of the layout, or of the photo with its ball moved."""
    if made.name == "inpaint":
        return made.render(layout or edited(**{"ball-1": Box(100, 60, 136, 96)}), photo(), seed)
    return made.render(layout or LAYOUT, None, seed)


# ---- every engine ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_of_the_layouts_size_by_its_seed_told_step_by_step(name, use):
    made, told = use(name), list[Told]()
    with listening(told.append):
        first = drawn(made)
    steps = [t for t in told if t.preview is not None]
    before = {"lmd-plus": 2 * STEPS, "sdxl-refine": STEPS}.get(name, 0)
    last = {"inpaint": 3, "sdxl-refine": 2}.get(name, STEPS)
    assert len(steps) == before + last
    assert steps[-1].share == 1 and steps[-1].words.endswith(f"step {last} of {last}")
    assert all(
        t.preview.dtype == np.uint8 and t.preview.shape == steps[0].preview.shape for t in steps if t.preview is not None
    )
    if name != "inpaint":
        assert steps[0].preview is not None and steps[0].preview.shape == (170, 256, 3), "the layout's form"
    assert len({t.preview.tobytes() for t in steps if t.preview is not None}) == len(steps), "each shows something else"

    expected = (100, 150, 3) if name == "inpaint" else (200, 301, 3)
    assert first.image.shape == expected and first.image.dtype == np.uint8 and first.image.std() > 3
    assert not first.known and first.objects == () and first.depth is None, "what it shows is to be measured"
    np.testing.assert_array_equal(drawn(use(name)).image, first.image)
    assert (drawn(made, seed=4).image != first.image).any()


@pytest.mark.parametrize("name", NAMES)
def test_provenance(name, use, models):
    import diffusers

    made = use(name)
    facts = dict(made.settings)
    assert json.loads(json.dumps(facts)) == facts
    assert (made.name, made.version) == (name, f"diffusers {diffusers.__version__}")
    assert facts["model"].startswith("tiny-") and "/" not in facts["model"], "of a folder only its name"
    assert {"device", "dtype", "scheduler", "steps", "guidance"} <= set(facts)
    use.models(f"{name}=someone/something")
    assert use(name).settings["model"] == "someone/something"
    entry = IMAGINE[name]
    assert entry.licence and entry.size and entry.model == type(made).hub


def test_the_published_numbers():
    from spacestudio.engines.imagine import lmd
    from spacestudio.engines.imagine.gligen import Gligen

    facts = Gligen("x").settings
    assert (facts["steps"], facts["guidance"], facts["scheduled_sampling_beta"]) == (50, 7.5, 0.4)
    assert (lmd.FROZEN, lmd.BLEND, lmd.LOSS_SCALE, lmd.LOSS_THRESHOLD, lmd.TOP) == (0.5, 0.1, 5, 5, 0.2)
    assert (lmd.INSIDE, lmd.OUTSIDE, lmd.AS_ALONE, lmd.FOREGROUND) == (1, 4, 2, 123456789)
    assert [lmd.INNER[i] for i in (0, 4, 5, 9, 10, 19, 20, 29)] == [4, 4, 3, 3, 2, 2, 1, 1] and len(lmd.INNER) == 30


@pytest.mark.parametrize("name", NAMES)
def test_stopped_at_the_second_step_and_used_again(name, use):
    made, heard = use(name), list[Told]()
    whole = drawn(made).image

    def stop(told: Told) -> None:
        heard.append(told)
        if sum(t.preview is not None for t in heard) == 2:
            raise Cancelled("Stopped")

    with pytest.raises(Cancelled), listening(stop):
        drawn(made)
    assert sum(t.preview is not None for t in heard) == 2
    np.testing.assert_array_equal(drawn(made).image, whole)


@pytest.mark.parametrize("name", NAMES)
def test_what_must_not_appear_counts(name, use):
    from dataclasses import replace

    made = use(name)
    layout = edited(**{"ball-1": Box(100, 60, 136, 96)}) if name == "inpaint" else LAYOUT
    other = replace(layout, negative_prompt="a heap of letters")
    assert (drawn(made, layout=layout).image != drawn(made, layout=other).image).any()


@pytest.mark.parametrize("name", NAMES)
def test_no_memory_is_one_line_and_frees_the_models(name, use, monkeypatch):
    import torch
    from diffusers import UNet2DConditionModel

    from spacestudio.engines.models import SHELF

    def fail(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\n  at x")

    made = use(name)
    with monkeypatch.context() as broken:
        broken.setattr(UNet2DConditionModel, "forward", fail)
        with pytest.raises(Unavailable) as caught:
            drawn(made)
    assert "ran out of memory" in one_line(caught.value) and len(SHELF) == 0
    assert drawn(made).image.std() > 3


@pytest.mark.parametrize("name", PHOTOLESS)
def test_strange_layouts(name, use):
    made = use(name)
    empty = Layout(64, 64, {}, ())
    assert made.render(empty).image.shape == (64, 64, 3)
    names = {"a": HOSTILE, "b": "<|endoftext|> \0 \n ‏ 猫 🐈", "c": "word " * 300, "d": ""}
    boxes = {"a": Box(-50, -50, 20, 20), "b": Box(0, 0, 500, 500), "c": Box(30, 30, 30.2, 30.1), "d": Box(5, 5, 5, 9)}
    odd = Layout(70, 33, boxes, tuple(boxes), names, HOSTILE, "word " * 300, "<|startoftext|>" * 99)
    first = made.render(odd, None, 1)
    assert first.image.shape == (33, 70, 3)
    assert sum("too long for the model" in note for note in first.notes) == 2
    assert all("\n" not in note for note in first.notes)


def test_a_text_is_read_as_far_as_it_fits(use):
    from spacestudio.engines.imagine.diffusion import fitting

    with use("gligen").borrowed(LAYOUT) as loaded:
        tokenizer = loaded.pipe.tokenizer
        assert fitting(tokenizer, " black\n cat ") == ("black cat", True)
        assert fitting(tokenizer, "") == ("", True)
        for text in ("cat " * 200, "猫" * 200, "x" * 200, "ball lamp " * 100):
            part, whole = fitting(tokenizer, text)
            assert not whole and text.startswith(part) and 70 < len(tokenizer(part).input_ids) <= 77
        assert fitting(tokenizer, "cat " * 200)[0].split()[-1] == "cat", "up to a whole word"


@pytest.mark.parametrize(
    ("size", "drawn_size"),
    [
        ((512, 512), (512, 512)),
        ((640, 480), (576, 448)),
        ((480, 640), (448, 576)),
        ((1, 900), (384, 704)),
        ((9, 9), (512, 512)),
    ],
)
def test_sizes_that_networks_draw(size, drawn_size):
    from spacestudio.engines.imagine.diffusion import network_size

    assert network_size(*size, 512, 64) == drawn_size


def test_a_preview_shows_the_colours_that_the_encoder_read(use):
    """As far as a random encoder's latents tell: it is the best linear map, so better than none and than its opposite."""
    import torch

    made = use("gligen")
    levels = torch.linspace(0, 1, 4)
    colours = torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, 8, 8)
    picture = colours.repeat_interleave(8, 2).repeat_interleave(8, 3)
    with made.borrowed(LAYOUT) as loaded:
        vae = loaded.pipe.vae
        seen = loaded.preview(vae.encode(picture * 2 - 1).latent_dist.mode() * vae.config.scaling_factor, 64, 64)
    true = (picture[0].permute(1, 2, 0) * 255).numpy()
    assert seen.shape == (64, 64, 3) and seen.dtype == np.uint8
    assert np.corrcoef(seen.ravel(), true.ravel())[0, 1] > 0.4
    assert np.abs(seen - true).mean() < np.abs(127.5 - true).mean() < np.abs(255 - seen - true).mean()


# ---- weights ---------------------------------------------------------------------------------------------------------


def pickled(folder: Path) -> None:
    file = folder / "unet/diffusion_pytorch_model.safetensors"
    file.rename(file.with_suffix(".bin"))


def halved(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "unet/diffusion_pytorch_model.safetensors"
    kept = {key: value for key, value in load_file(file).items() if not key.startswith("up_blocks.")}
    save_file(kept, file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda f: shutil.rmtree(f / "unet"), "unet"),
        (lambda f: shutil.rmtree(f / "tokenizer"), "tokenizer"),
        (lambda f: shutil.rmtree(f / "scheduler"), "can't be loaded"),
        (pickled, "safetensors"),
        (halved, "up_blocks."),
        (lambda f: (f / "vae/diffusion_pytorch_model.safetensors").write_bytes(b"\x08" * 40), "can't be loaded"),
        (lambda f: (f / "text_encoder/config.json").write_text("{"), "can't be loaded"),
    ],
    ids=["no unet", "no tokenizer", "no scheduler", "pickled", "half the weights", "broken weights", "broken config"],
)
def test_a_spoiled_folder_is_one_line(use, models, tmp_path, spoil, word):
    folder = Path(shutil.copytree(dict(p.split("=") for p in models.split(","))["gligen"], tmp_path / "spoiled"))
    spoil(folder)
    with pytest.raises(Unavailable) as caught:
        drawn(use(f"gligen:{folder}"))
    assert word in one_line(caught.value) and "gligen" in str(caught.value).lower()


def test_another_kind_of_model_is_refused(use, models, tmp_path):
    where = dict(p.split("=") for p in models.split(","))
    use.models(f"depth-controlnet-sdxl-control={where['depth-controlnet-sd15-control']},sdxl-refine={where['inpaint']}")
    for name, word in (
        (f"gligen:{where['inpaint']}", "boxes"),
        (f"inpaint:{where['gligen']}", "inpainting"),
        ("depth-controlnet-sdxl", "control for another kind"),
        ("sdxl-refine:compositor", "text_encoder_2"),
    ):
        with pytest.raises(Unavailable) as caught:
            drawn(use(name))
        assert word in one_line(caught.value)


def test_no_such_folder_and_a_hub_out_of_reach(use, tmp_path):
    for name, word in (
        (f"gligen:{tmp_path / 'absent'}", "no folder"),
        ("gligen:nobody-here/no-such-model", "can't be reached"),
    ):
        with pytest.raises(Unavailable) as caught:
            drawn(use(name))
        assert word in one_line(caught.value) and "SPACE_STUDIO_MODELS=gligen=FOLDER" in str(caught.value)
    use.models(f"depth-controlnet-sd15-control={tmp_path / 'absent'}")
    with pytest.raises(Unavailable, match="SPACE_STUDIO_MODELS=depth-controlnet-sd15-control=FOLDER"):
        drawn(use("depth-controlnet-sd15"))


def test_weights_in_half_precision_are_read_too(use, models, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(dict(p.split("=") for p in models.split(","))["gligen"], tmp_path / "half"))
    for file in [*folder.glob("*/model.safetensors"), *folder.glob("*/diffusion_pytorch_model.safetensors")]:
        half = {
            key: value.to(torch.float16) if value.is_floating_point() else value for key, value in load_file(file).items()
        }
        save_file(half, file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")), metadata={"format": "pt"})
        file.unlink()
    made = drawn(use(f"gligen:{folder}"))
    assert np.abs(made.image.astype(int) - drawn(use("gligen")).image).mean() < 20


@pytest.mark.parametrize("half", [True, False], ids=["half precision", "full precision only"])
def test_only_what_is_needed_is_fetched(use, models, tmp_path, monkeypatch, half):
    """A model's page on the Hub holds far more than its engine reads."""
    import fnmatch

    import huggingface_hub

    page, cache = tmp_path / "page", tmp_path / "cache"
    shutil.copytree(dict(p.split("=") for p in models.split(","))["gligen"], page)
    (page / "safety_checker").mkdir()
    for extra in (
        "all-in-one.safetensors",
        "safety_checker/model.safetensors",
        "unet/diffusion_pytorch_model.bin",
        "README.md",
    ):
        (page / extra).write_bytes(b"not for us")
    if half:
        for file in [*page.glob("*/model.safetensors"), *page.glob("*/diffusion_pytorch_model.safetensors")]:
            shutil.copy(file, file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    asked = []

    def fetch(name: str, revision: str | None = None, allow_patterns: Any = (), **_: Any) -> str:
        asked.append((name, revision))
        for file in (f for f in page.rglob("*") if f.is_file()):
            inside = str(file.relative_to(page))
            if any(fnmatch.fnmatch(inside, pattern) for pattern in allow_patterns):
                (cache / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, cache / inside)
        return str(cache)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    name = f"someone/boxes-{half}@refs/pr/2"
    np.testing.assert_array_equal(drawn(use(f"gligen:{name}")).image, drawn(use("gligen")).image)
    assert set(asked) == {(f"someone/boxes-{half}", "refs/pr/2")} and len(asked) == (1 if half else 2)
    got = {str(f.relative_to(cache)) for f in cache.rglob("*") if f.is_file()}
    dot = ".fp16" if half else ""
    weights = {f"unet/diffusion_pytorch_model{dot}.safetensors", f"vae/diffusion_pytorch_model{dot}.safetensors",
               f"text_encoder/model{dot}.safetensors"}  # fmt: skip
    assert {f for f in got if f.endswith((".safetensors", ".bin"))} == weights
    assert "tokenizer/vocab.json" in got and "scheduler/scheduler_config.json" in got and "README.md" not in got


def test_loaded_once_and_shared(use):
    from spacestudio.engines.models import SHELF

    drawn(use("gligen"))
    drawn(use("lmd-plus"))
    assert sum(key[0] == "gligen" for key in SHELF._held) == 1 and not any(key[0] == "lmd-plus" for key in SHELF._held)


# ---- GLIGEN and LMD+ -------------------------------------------------------------------------------------------------


def crowd(count: int) -> Layout:
    boxes = {f"o{k:02}": Box(9 * k, 9 * k, 9 * k + 30, 9 * k + 30) for k in range(count)}
    return Layout(400, 400, boxes, tuple(boxes), {i: f"cat {i}" for i in boxes}, "", "cats")


def test_the_nearest_thirty_boxes_are_told(use):
    from spacestudio.engines.imagine.gligen import grounded

    made = use("gligen")
    assert any("cat o30" in note and "cat o29" not in note for note in made.render(crowd(31)).notes)
    assert not made.render(crowd(30)).notes
    with made.borrowed(LAYOUT) as loaded:
        places, _ = grounded(loaded.pipe.tokenizer, LAYOUT)
    assert [phrase for phrase, _ in places] == ["black cat", "lamp"]
    np.testing.assert_allclose(places[0][1], [10 / 301, 10 / 200, 120 / 301, 190 / 200])


@pytest.mark.parametrize("name", ["gligen", "lmd-plus"])
def test_boxes_and_phrases_count(name, use):
    from dataclasses import replace

    made = use(name)
    first = drawn(made).image
    moved = replace(LAYOUT, boxes=LAYOUT.boxes | {"a": Box(180, 10, 290, 190)})
    assert (drawn(made, layout=moved).image != first).any()
    assert (drawn(made, layout=replace(LAYOUT, names={"a": "ball", "b": "lamp"})).image != first).any()


def test_gligen_heeds_boxes_in_the_first_steps_only(use, monkeypatch):
    from diffusers.models.attention import GatedSelfAttentionDense

    seen = []
    own = GatedSelfAttentionDense.forward
    monkeypatch.setattr(GatedSelfAttentionDense, "forward", lambda s, x, objs: (seen.append(s.enabled), own(s, x, objs))[1])
    drawn(use("gligen"))
    on = [any(seen[k : k + len(seen) // STEPS]) for k in range(0, len(seen), len(seen) // STEPS)]
    assert on == [True, False, False, False], "0.4 of 4 steps"


def lmd_drawing(made: Any, loaded: Any, layout: Layout = LAYOUT) -> Any:
    from spacestudio.engines.imagine.lmd import _Drawing

    return _Drawing(made, loaded, layout, 3)


def test_lmd_keeps_each_object_as_it_was_alone_while_frozen(use, monkeypatch):
    import torch

    from spacestudio.engines.imagine import lmd

    made = use("lmd-plus")
    monkeypatch.setattr(lmd, "FROZEN", 1.0)
    with made.borrowed(LAYOUT) as loaded, torch.inference_mode(False), torch.no_grad():
        work = lmd_drawing(made, loaded)
        alone = [work._alone(k, "") for k in range(2)]
        together = work._together(work._said(LAYOUT.prompt, "", range(2)), alone)
    near, far = (torch.broadcast_to(a.mask, together.shape) for a in alone)
    assert near.any() and far.any() and not (near | far).all()
    torch.testing.assert_close(together[near], alone[0].latents[-1][near])
    assert (together[far & ~near] == alone[1].latents[-1][far & ~near]).all()
    start = alone[0].latents[0]
    inside = torch.broadcast_to(work._inside(work.places[0][1], *start.shape[2:]), start.shape)
    assert (start[~inside] == work.ground[~inside]).all() and (start[inside] != work.ground[inside]).all()
    assert 0.5 < float(start[inside].std()) < 1.6, "as much noise as everywhere"


def test_lmd_guides_attention_into_the_boxes(use, monkeypatch):
    """A small step against the gradient must lower the loss it is the gradient of; the network is left as it was."""
    import torch

    from spacestudio.engines.imagine import lmd

    made = use("lmd-plus")
    unguided = drawn(made).image
    monkeypatch.setattr(lmd, "LOSS_THRESHOLD", 0.0)
    assert (drawn(made).image != unguided).any()
    with made.borrowed(LAYOUT) as loaded, torch.inference_mode(False), torch.no_grad():
        own = dict(loaded.pipe.unet.attn_processors)
        work = lmd_drawing(made, loaded)
        alone = [work._alone(k, "") for k in range(2)]
        said = work._said(LAYOUT.prompt, "", range(2))
        assert all(said.words)
        i, t = next(iter(work._steps(True)))

        def loss(latents: torch.Tensor) -> float:
            with work.watch.looking():
                work.pipe.unet(latents, t, **said.given(lmd.WORDS))
                return float(work._loss(work.watch.maps, said, [a.attention[i] for a in alone], alone))

        before = work.ground
        after = work._guided(before, i, t, said, alone)
        assert loss(after) < loss(before)
        assert {n: type(p) for n, p in loaded.pipe.unet.attn_processors.items()} == {n: type(p) for n, p in own.items()}


def test_lmd_finds_an_objects_words_where_they_stand(use):
    from spacestudio.engines.imagine.lmd import _found

    made = use("gligen")
    with made.borrowed(LAYOUT) as loaded:
        tokenizer = loaded.pipe.tokenizer
        text = "lamp, black cat, black cat on lamp"
        found = _found(tokenizer, text, "black cat")
        assert len(found) == 2
        for places in found:
            words = tokenizer.decode([tokenizer(text).input_ids[i] for i in places])
            assert "".join(words.split()) == "blackcat"
        assert _found(tokenizer, text, "dog") == _found(tokenizer, text, "") == []


def test_lmd_says_who_made_the_masks(use):
    notes = " ".join(drawn(use("lmd-plus")).notes)
    assert "GrabCut" in notes and "Segment Anything can't run" in notes, "there are no weights of it here"


# ---- depth ControlNet ------------------------------------------------------------------------------------------------


def test_the_control_is_white_where_things_are_near(use):
    from spacestudio.engines.imagine.controlnet import nearness

    def at(control: np.ndarray, box: Box) -> float:
        return float(np.median(control[box.slices(200, 120)]))

    boxes = {"a": Box(10, 40, 80, 110), "b": Box(110, 40, 180, 110)}
    one = Layout(200, 120, boxes, ("a", "b"), {"a": "box", "b": "box"}, "wall", depths={"a": 1.0, "b": 4.0})
    two = Layout(200, 120, boxes, ("b", "a"), {"a": "box", "b": "box"}, "wall", depths={"a": 4.0, "b": 1.0})
    control, turned = nearness(one), nearness(two)
    assert control.shape == (120, 200) and control.dtype == np.uint8 and control.max() == 255 and control.min() == 0
    assert at(control, boxes["a"]) > at(control, boxes["b"]) > control[:20].mean()
    assert at(turned, boxes["a"]) < at(turned, boxes["b"])
    for name in ("depth-controlnet-sd15", "depth-controlnet-sdxl"):
        made = use(name)
        assert (made.render(one, None, 3).image != made.render(two, None, 3).image).any(), "who is in front counts"


def test_both_models_of_a_control_net_are_named(use, models):
    facts = use("depth-controlnet-sd15").settings
    assert (facts["model"], facts["control"]) == ("tiny-sd15", "tiny-control")
    use.models("depth-controlnet-sd15-control=someone/control")
    facts = use("depth-controlnet-sd15:someone/base").settings
    assert (facts["model"], facts["control"]) == ("someone/base", "someone/control")


# ---- inpainting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layout",
    [
        edited(**{"ball-1": Box(100, 60, 136, 96)}),
        edited(**{"cup-1": Box(60, 70, 80, 99)}),
        Layout(150, 100, {"ball-1": photo().objects[0].box}, ("ball-1",), {"ball-1": "ball"}, "wall"),
        Layout(
            150, 100, {o.id: o.box for o in photo().objects}, ("ball-1", "lamp-1"), {"ball-1": "red cube", "lamp-1": "lamp"}
        ),
    ],
    ids=["moved", "added", "gone", "another thing"],
)
def test_only_what_an_edit_changed_is_painted(layout, use):
    from spacestudio.engines.imagine.inpaint import changed

    source = photo()
    before = source.image.copy()
    made = use("inpaint").render(layout, source, 3)
    mask = changed(layout, source).mask
    np.testing.assert_array_equal(made.image[~mask], before[~mask])
    np.testing.assert_array_equal(source.image, before)
    assert 0.01 < mask.mean() < 0.7 and (made.image[mask] != before[mask]).any(1).mean() > 0.9
    for o in source.objects:
        if layout.boxes.get(o.id) == o.box and layout.names.get(o.id) == o.name:
            assert not mask[o.mask].any(), f"{o.id} stays as it is"
        else:
            assert mask[o.mask].all(), f"where {o.id} was"
    for i, box in layout.boxes.items():
        if i not in {o.id for o in source.objects if o.box == box and layout.names.get(i) == o.name}:
            assert mask[box.slices(150, 100)].all(), f"where {i} goes"


def test_nothing_is_loaded_when_nothing_changes(use):
    from spacestudio.engines.models import SHELF

    made = use("inpaint").render(edited(), photo(), 3)
    np.testing.assert_array_equal(made.image, photo().image)
    assert made.notes and len(SHELF) == 0


def test_inpainting_says_what_it_cannot_do(use):
    made = use("inpaint")
    with pytest.raises(Unavailable, match="a photo, and there is none"):
        made.render(LAYOUT, None)
    with pytest.raises(InputError, match="301 x 200 px and the photo 150 x 100"):
        made.render(LAYOUT, photo())


def test_what_is_gone_must_not_appear_and_what_is_new_comes_first():
    from spacestudio.engines.imagine.inpaint import changed, described

    layout = Layout(150, 100, {"cup-1": Box(60, 70, 80, 99), "lamp-1": photo().objects[1].box}, ("cup-1", "lamp-1"),
                    {"cup-1": "cup", "lamp-1": "lamp"}, "wall", "wall with cup, lamp", "dog")  # fmt: skip
    said = described(layout, changed(layout, photo()))
    assert (said.prompt, said.negative_prompt) == ("cup. wall with cup, lamp", "dog, ball")


# ---- refinement ------------------------------------------------------------------------------------------------------


def test_any_engines_picture_is_refined(use):
    made = use("sdxl-refine:compositor")
    assert made.settings["first"] == {"engine": "compositor", "version": "1", "settings": {}}
    first, plain = drawn(made), IMAGINE.make("compositor").render(LAYOUT, None, 3)
    assert first.image.shape == plain.image.shape and (first.image != plain.image).any()
    assert not first.known, "what the compositor knew no longer holds for sure"
    assert set(plain.notes) <= set(first.notes)
    assert IMAGINE.make("sdxl-refine").settings["first"]["engine"] == "lmd-plus"
    with pytest.raises(InputError, match="can't be refined again"):
        IMAGINE.make("sdxl-refine:sdxl-refine")
