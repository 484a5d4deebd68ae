"""Depth networks of every declared family: what they are shown, what their numbers mean, the camera they tell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacestudio.engines import DEPTH
from spacestudio.engines.progress import Told, listening
from spacestudio.errors import Cancelled, Unavailable
from spacestudio.formats.pictures import Picture
from spacestudio.services.begin import Recipe
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio
from tests.engines import tiny
from tests.engines.tiny import one_line, refused
from tests.support import coffee

pytestmark = pytest.mark.skipif(bool(DEPTH["depth-model"].missing()), reason="needs: pip install -r requirements-models.txt")
OWNER = "owner-of-these-tests-0002"

# Family -> what saves a tiny one, the kind of its depth, and whether a larger number of the network is farther, as its
# authors say (the papers stand in spacestudio/engines/depth/families.py).
MEANING = {
    "depth_anything relative": (tiny.depth_anything, "disparity", False),
    "depth_anything metric": (tiny.metric_depth_anything, "metric", True),
    "prompt_depth_anything": (tiny.prompt_depth_anything, "relative", True),
    "dpt": (tiny.dpt, "disparity", False),
    "dpt on dinov2": (tiny.dpt_on_dinov2, "metric", True),
    "glpn": (tiny.glpn, "metric", True),
    "zoedepth": (tiny.zoedepth, "metric", True),
    "depth_pro": (tiny.depth_pro, "metric", False),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of a tiny model of a family, made when it is first asked for."""
    folders: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in folders:
            folders[family] = MEANING[family][0](tmp_path_factory.mktemp("models") / family.replace(" ", "-"))
        return folders[family]

    return folder


def by_name(folder: Path) -> Any:
    return DEPTH.make(f"depth-model:{folder}")


def raw_of(folder: Path, image: np.ndarray) -> tuple[np.ndarray, float | None]:
    """What transformers' own network says of a picture, resized by nobody but bilinear interpolation."""
    import torch
    from transformers import AutoModelForDepthEstimation

    from spacestudio.engines.depth.families import FAMILIES, Processor, answer, family_of

    network = AutoModelForDepthEstimation.from_pretrained(folder).eval()
    family = FAMILIES[family_of(network.config)]
    shown = family.show(image, Processor.of(folder, family), network.config)
    with torch.inference_mode():
        out = network(pixel_values=shown.pixels)
    fov = getattr(out, "field_of_view", None)
    raw = answer(out.predicted_depth, shown, *image.shape[:2]).numpy()
    return raw, None if fov is None else float(fov.flatten()[0])


def test_every_declared_family_is_tested_here():
    from spacestudio.engines.depth.families import FAMILIES

    assert set(MEANING) == set(FAMILIES)


@pytest.mark.parametrize("family", MEANING)
def test_kind_and_polarity(saved, family):
    _, kind, farther = MEANING[family]
    image = coffee(90, 60)
    raw, _ = raw_of(saved(family), image)
    assert np.ptp(raw) > 0.02, "the tiny network sees something"
    made = by_name(saved(family))
    depth, camera = made.estimate(image)
    assert depth.kind == kind and depth.values.shape == (60, 90) and depth.values.dtype == np.float32
    assert depth.source == saved(family).name
    order = np.argsort(raw[depth.valid])
    steps = np.diff(depth.farness()[depth.valid][order])
    assert (steps >= -1e-3).all() if farther else (steps <= 1e-3).all()
    if family != "depth_pro":
        np.testing.assert_allclose(depth.values, raw, rtol=1e-4)
        assert camera is None
    assert made.settings["family"] == family and made.settings["kind"] == kind
    assert json.loads(json.dumps(dict(made.settings))) == dict(made.settings)


@pytest.mark.parametrize("family", MEANING)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 3), (5, 2000), (333, 200)])
def test_any_picture(saved, family, size):
    image = np.ascontiguousarray(np.resize(coffee(90, 60), (*size, 3)))
    before = image.copy()
    depth, _ = by_name(saved(family)).estimate(image)
    assert depth.values.shape == size and depth.valid.any()
    assert np.isfinite(depth.values).all() and (depth.values[depth.valid] >= 0).all()
    np.testing.assert_array_equal(image, before)


# What they are shown


@pytest.mark.parametrize("family", [f for f in MEANING if f != "depth_pro"])
@pytest.mark.parametrize("size", [(90, 60), (61, 95), (200, 133)])
def test_a_network_is_shown_what_its_own_library_shows_it(saved, family, size):
    """Depth Pro's own processor needs torchvision; it has its own test below."""
    from transformers import AutoConfig, AutoImageProcessor

    from spacestudio.engines.depth.families import FAMILIES, Processor

    image = np.ascontiguousarray(coffee(*size))
    config = AutoConfig.from_pretrained(saved(family))
    theirs = AutoImageProcessor.from_pretrained(saved(family))(images=image, return_tensors="pt")["pixel_values"]
    ours = FAMILIES[family].show(image, Processor.of(saved(family), FAMILIES[family]), config).pixels
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-5 if "Pil" in repr(type(theirs)) else 2e-2)


def test_depth_pro_is_shown_a_square(saved):
    """Values to [-1, 1], then half-pixel bilinear without smoothing: written out for single pixels."""
    from spacestudio.engines.depth.families import FAMILIES, Processor

    family = FAMILIES["depth_pro"]
    like = Processor.of(saved("depth_pro"), family)
    image = np.ascontiguousarray(coffee(80, 50))
    pixels = family.show(image, like, None).pixels.numpy()[0]
    assert pixels.shape == (3, 32, 32)
    for row, column in ((0, 0), (7, 19), (31, 31)):
        y, x = (row + 0.5) * 50 / 32 - 0.5, (column + 0.5) * 80 / 32 - 0.5
        y, x = np.clip(y, 0, 49), np.clip(x, 0, 79)
        y0, x0 = int(y), int(x)
        y1, x1 = min(y0 + 1, 49), min(x0 + 1, 79)
        dy, dx = y - y0, x - x0
        value = (
            image[y0, x0] * (1 - dy) * (1 - dx) + image[y0, x1] * (1 - dy) * dx
            + image[y1, x0] * dy * (1 - dx) + image[y1, x1] * dy * dx
        )  # fmt: skip
        np.testing.assert_allclose(pixels[:, row, column], value / 127.5 - 1, atol=1e-4)
    empty = Processor.model_validate(family.silent)
    assert empty.size == (1536, 1536), "what its authors use"


@pytest.mark.parametrize(("height", "width"), [(1, 1), (10, 9000), (9000, 10), (400, 100_000), (100_000, 400), (6000, 6000)])
def test_what_networks_see_is_bounded(height, width):
    from spacestudio.engines.depth.families import LONGEST, MOST_PX, least_change, own_size, short_side

    for rows, columns in (short_side(height, width, (518, 518), 14), least_change(height, width, (384, 512), 32)):
        assert 0 < rows <= 518 * LONGEST + 32 and 0 < columns <= 518 * LONGEST + 32
    for multiple in (1, 32):
        rows, columns = own_size(height, width, multiple)
        assert 0 < rows * columns <= MOST_PX * multiple and rows % multiple == columns % multiple == 0


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ({"size": 384}, (384, 384)),
        ({"size": {"height": 3, "width": 4}}, (3, 4)),
        ({"size": {"shortest_edge": 5}}, (5, 5)),
        ({}, (384, 512)),
    ],
)
def test_sizes_old_and_new(tmp_path, said, size):
    from spacestudio.engines.depth.families import FAMILIES, Processor

    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    assert Processor.of(tmp_path, FAMILIES["zoedepth"]).size == size


@pytest.mark.parametrize(
    "said", ['{"size": 100000}', '{"size": {"height": -1, "width": 5}}', '{"resample": 77}', '{"image_mean": [1]}', "[]"]
)
def test_a_processor_file_that_says_nonsense_is_one_line(saved, tmp_path, said):
    folder = Path(shutil.copytree(saved("dpt"), tmp_path / "nonsense"))
    (folder / "preprocessor_config.json").write_text(said)
    assert "can't be loaded" in refused(by_name(folder))


# Metres and the camera


def test_depth_pro_tells_metres_and_the_focal_length(saved):
    """Inverse depth times width over focal length, turned over, and nothing beyond 10 km: written out."""
    image = coffee(90, 60)
    raw, fov = raw_of(saved("depth_pro"), image)
    depth, camera = by_name(saved("depth_pro")).estimate(image)
    assert 40 < fov < 60
    assert camera.fov_deg == pytest.approx(fov, rel=1e-4) and camera.fx == camera.fy
    assert (camera.cx, camera.cy, camera.width, camera.height, camera.source) == (45, 30, 90, 60, "model")
    inverse = raw * (90 / camera.fx)
    np.testing.assert_array_equal(depth.valid, inverse > 1e-4)
    assert depth.valid.any() and not depth.valid.all(), "some of it is sky"
    np.testing.assert_allclose(depth.values[depth.valid], 1 / np.clip(inverse[depth.valid], 1e-4, 1e4), rtol=1e-3)


@pytest.mark.parametrize("fov", [None, -20.0, 300.0])
def test_without_a_field_of_view_there_are_no_metres(tmp_path, fov):
    depth, camera = by_name(tiny.depth_pro(tmp_path / "pro", fov)).estimate(coffee(60, 40))
    assert camera is None and depth.kind == "relative" and depth.unit == "relative"


def test_the_models_camera_reaches_the_sample(saved, tmp_path):
    studio = Studio(tmp_path / "data")
    image = coffee(96, 64)
    sample_id = studio.add_picture(
        OWNER, Picture(image, to_png(image), "cup.png", ()), recipe=Recipe("none", objects="none")
    )
    assert studio.open(OWNER, sample_id).camera.is_assumed
    _, told = by_name(saved("depth_pro")).estimate(image)
    sample = studio.set_depth(OWNER, sample_id, f"depth-model:{saved('depth_pro')}")
    assert sample.camera == told and sample.camera.source == "model"
    run = next(r for r in reversed(sample.provenance) if r.stage == "depth")
    assert run.engine == "depth-model" and run.settings["model"] == saved("depth_pro").name
    assert run.settings["resizing"] and run.settings["shown_px"] == [32, 32]
    again = Studio(tmp_path / "data").open(OWNER, sample_id)
    assert again.camera == told and again.depth.unit == "m"
    np.testing.assert_array_equal(again.depth.values, sample.depth.values)
    assert studio.undo(OWNER, sample_id).camera.is_assumed


def test_a_model_in_the_hubs_cache_needs_no_network_and_its_revision_is_kept(saved, tmp_path, monkeypatch):
    from huggingface_hub import constants

    commit = "3" * 40
    kept = tmp_path / "models--nobody-here--tiny"
    shutil.copytree(saved("dpt"), kept / "snapshots" / commit)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    made = DEPTH.make("depth-model:nobody-here/tiny")
    depth, _ = made.estimate(coffee(60, 40))
    assert (made.settings["model"], made.settings["revision"], depth.source) == (
        "nobody-here/tiny",
        commit,
        "nobody-here/tiny",
    )


# What is refused


@pytest.mark.parametrize("kind", ["chmv2", "bert", "vit"])
def test_an_undeclared_family_is_refused_naming_the_declared(tmp_path, kind):
    """Canopy heights come through the same class of transformers as depths, and are none."""
    from spacestudio.engines.depth.families import FAMILIES

    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    text = refused(by_name(folder))
    assert kind in text and all(family in text for family in FAMILIES)


@pytest.mark.parametrize("name", ["depth-anything-v2-small", "depth-anything-v2-indoor", "depth-pro", "zoedepth"])
def test_a_named_engine_keeps_to_its_family(saved, name):
    text = refused(DEPTH.make(f"{name}:{saved('dpt')}"))
    assert "is dpt" in text and "Accepted: " in text


@pytest.mark.parametrize("family", ["dpt", "depth_anything relative"])
def test_weights_nothing_uses_may_lack(saved, tmp_path, family):
    """Published checkpoints leave out the second input of the first fusion layer, which has none."""
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(saved(family), tmp_path / "published"))
    weights = load_file(folder / "model.safetensors")
    unused = [key for key in weights if "fusion_stage.layers.0.residual_layer1." in key]
    assert unused
    save_file({k: v for k, v in weights.items() if k not in unused}, folder / "model.safetensors", metadata={"format": "pt"})
    depth, _ = by_name(folder).estimate(coffee(60, 40))
    whole, _ = by_name(saved(family)).estimate(coffee(60, 40))
    np.testing.assert_allclose(depth.values, whole.values, rtol=1e-6)
    save_file({k: v for k, v in weights.items() if "head" not in k}, folder / "model.safetensors", metadata={"format": "pt"})
    text = refused(by_name(Path(shutil.copytree(folder, tmp_path / "half"))))
    assert "lacks" in text and "head." in text


@pytest.mark.parametrize("family", MEANING)
def test_half_precision_where_it_is_enough_and_never_on_the_cpu(saved, family, monkeypatch):
    import torch

    from spacestudio.engines.depth import network
    from spacestudio.engines.depth.families import FAMILIES
    from spacestudio.engines.models import Device, Weights

    weights = Weights("depth-model", "It", str(saved(family)))
    monkeypatch.setattr(network, "device", lambda: Device("cuda", torch.float16))
    key, _, need = network._shelf(weights, saved(family), family)
    assert key[-1] == ("float16" if FAMILIES[family].half else "float32")
    full = Weights.need(saved(family), torch.float32)
    assert need == pytest.approx(full / 2 if FAMILIES[family].half else full, abs=1)
    assert 0.8 < full / Weights.need(saved(family)) <= 1, "the file holds float32 and a head"
    monkeypatch.undo()
    if network.device().name == "cpu":
        assert network._shelf(weights, saved(family), family)[0][-2:] == ("cpu", "float32")


# While it runs


@pytest.mark.parametrize("why", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\n  at x")])
def test_running_out_of_memory_is_one_line_and_the_engine_works_again(saved, monkeypatch, why):
    import torch

    made = by_name(saved("dpt"))

    def fail(*_: Any, **__: Any) -> None:
        raise why

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "interpolate", fail)
        text = refused(made)
    assert "ran out of memory" in text and "60 x 40 px" in text
    depth, _ = made.estimate(coffee(60, 40))
    assert depth.valid.all()


def test_another_error_is_not_taken_for_a_lack_of_memory(saved, monkeypatch):
    import torch

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("sizes of tensors must match")

    made = by_name(saved("dpt"))
    monkeypatch.setattr(torch.nn.functional, "interpolate", fail)
    with pytest.raises(RuntimeError, match="must match"):
        made.estimate(coffee(60, 40))


def test_it_can_be_stopped_at_every_step_and_nothing_is_written(saved, tmp_path):
    studio = Studio(tmp_path / "data")
    image = coffee(96, 64)
    sample_id = studio.add_picture(
        OWNER, Picture(image, to_png(image), "cup.png", ()), recipe=Recipe("none", objects="none")
    )
    before = studio.open(OWNER, sample_id).events
    name = f"depth-model:{saved('dpt')}"
    told: list[Told] = []
    with listening(told.append):
        by_name(saved("dpt")).estimate(image)
    assert len(told) >= 2 and all(t.words for t in told)
    for step in range(len(told)):
        heard: list[Told] = []

        def stop(one: Told, heard: list[Told] = heard, step: int = step) -> None:
            heard.append(one)
            if len(heard) > step:
                raise Cancelled("Stopped")

        with pytest.raises(Cancelled), listening(stop):
            studio.set_depth(OWNER, sample_id, name)
        assert studio.open(OWNER, sample_id).events == before
    assert studio.set_depth(OWNER, sample_id, name).depth.kind == "disparity"


def test_a_folder_that_is_gone_is_one_line_from_the_command_line(tmp_path):
    from tests.test_cli import run

    image = tmp_path / "cup.png"
    image.write_bytes(to_png(coffee(60, 40)))
    done = run("analyze", image, "--depth", f"depth-model:{tmp_path / 'absent'}", "--out", tmp_path / "out", "--json")
    assert done.returncode == 1
    (failed,) = json.loads(done.stdout)["failed"]
    assert "is no folder" in failed["error"] and "SPACE_STUDIO_MODELS=depth-model=FOLDER" in failed["error"]
    assert not list((tmp_path / "out").glob("*"))


def test_one_line_of_help_when_no_model_is_named():
    with pytest.raises(Unavailable) as caught:
        DEPTH.make("depth-model")
    assert "depth-model:NAME" in one_line(caught.value)
