"""Depth Anything behind the depth protocol: the real loading code on a tiny model with random weights."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacestudio.domain.depth import DepthMap
from spacestudio.engines import DEPTH
from spacestudio.engines.protocols import Detection
from spacestudio.errors import Unavailable
from spacestudio.formats.pictures import Picture
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio
from spacestudio.settings import settings
from tests.engines.tiny import SIDE, depth_anything, metric_depth_anything, refused
from tests.support import coffee, small_scene

NAME = "depth-anything-v2-small"
OWNER = "owner-of-these-tests-0001"
pytestmark = pytest.mark.skipif(bool(DEPTH[NAME].missing()), reason="needs: pip install -r requirements-models.txt")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return depth_anything(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes an engine over a given model."""

    def make(model: object) -> Any:
        monkeypatch.setenv("SPACE_STUDIO_MODELS", f"{NAME}={model}" if model else "")
        settings.cache_clear()
        return DEPTH.make(NAME)

    yield make
    monkeypatch.undo()
    settings.cache_clear()


def test_disparity_of_every_pixel(use, tiny):
    made = use(tiny)
    for width, height in ((90, 60), (60, 90), (1, 1), (40, 1), (3, 40), (2000, 5)):
        image = np.ascontiguousarray(np.resize(coffee(90, 60), (height, width, 3)))
        before = image.copy()
        depth, camera = made.estimate(image)
        assert camera is None and (depth.kind, depth.source) == ("disparity", "Depth Anything V2 Small")
        assert depth.values.shape == (height, width) and depth.values.dtype == np.float32
        assert np.isfinite(depth.values).all() and depth.valid.all() and (depth.values >= 0).all()
        np.testing.assert_array_equal(image, before)


def test_the_same_every_time(use, tiny):
    import torch

    torch.manual_seed(1)
    one, _ = use(tiny).estimate(coffee(90, 60))
    torch.manual_seed(2)
    two, _ = use(tiny).estimate(coffee(90, 60))
    np.testing.assert_array_equal(one.values, two.values)


def test_is_what_transformers_predicts_and_larger_is_nearer(use, tiny):
    """A picture of the network's own size passes without resizing, so the numbers must be the network's."""
    import torch
    from transformers import AutoImageProcessor, DepthAnythingForDepthEstimation

    image = coffee(SIDE, SIDE)
    given = AutoImageProcessor.from_pretrained(tiny)(images=image, return_tensors="pt")
    with torch.inference_mode():
        raw = DepthAnythingForDepthEstimation.from_pretrained(tiny)(**given).predicted_depth[0].numpy()
    assert np.ptp(raw) > 0.1, "the tiny network sees something"
    depth, _ = use(tiny).estimate(image)
    farness = depth.farness()
    np.testing.assert_allclose(depth.values, raw, rtol=1e-4)
    assert farness.flat[raw.argmax()] == 0 and farness.flat[raw.argmin()] == 1
    assert (np.diff(farness.ravel()[np.argsort(raw.ravel())]) <= 1e-3).all()


def test_zero_is_the_farthest_and_not_a_hole(use, tmp_path, tiny):
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(tiny, tmp_path / "sky"))
    weights = load_file(folder / "model.safetensors")
    depth, _ = use(tiny).estimate(coffee(90, 60))
    weights["head.conv3.bias"] -= float(np.median(depth.values))  # now half of it ends in the last ReLU
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    sky, _ = use(folder).estimate(coffee(90, 60))
    assert (sky.values == 0).any() and sky.valid.all()
    assert (sky.farness()[sky.values == 0] == 1).all()


def test_provenance_names_the_model_but_not_the_folders_above_it(use, tiny):
    import transformers

    made = use(tiny)
    assert made.name == NAME and made.version == f"transformers {transformers.__version__}"
    assert made.settings["model"] == "tiny" and made.settings["dtype"] in ("float32", "float16")
    assert use("").settings["model"] == "depth-anything/Depth-Anything-V2-Small-hf"


def test_loads_once(use, tiny):
    from spacestudio.engines.models import SHELF

    SHELF.clear()
    one = use(tiny)
    one.estimate(coffee(90, 60))
    assert len(SHELF) == 1
    DEPTH.make(f"depth-model:{tiny}").estimate(coffee(60, 90))
    assert len(SHELF) == 1, "by another name it is the same network"


@pytest.mark.parametrize(
    ("height", "width", "seen"),
    [(480, 640, (518, 686)), (518, 518, (518, 518)), (1, 1, (518, 518)), (10, 9000, (518, 2072)), (9000, 10, (2072, 518))],
)
def test_the_network_sees_a_bounded_picture_of_whole_patches(height, width, seen):
    from spacestudio.engines.depth.families import short_side

    assert short_side(height, width, (518, 518), 14) == seen


def test_a_missing_folder_is_one_line(use, tmp_path):
    text = refused(use(tmp_path / "absent"))
    assert "absent" in text and f"SPACE_STUDIO_MODELS={NAME}=FOLDER" in text


def test_a_hub_out_of_reach_is_one_line(use):
    """HF_HUB_OFFLINE is set for all tests; the name is nobody's, so no cache holds it."""
    text = refused(use("nobody-here/no-such-depth-model"))
    assert "nobody-here/no-such-depth-model" in text and f"SPACE_STUDIO_MODELS={NAME}=FOLDER" in text


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "model.safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\x08" * 40), "can't be loaded"),
        (lambda f: (f / "config.json").write_text('{"model_type": "bert"}'), "is bert"),
        (lambda f: (f / "config.json").write_text("{"), "can't be loaded"),
        (lambda f: (f / "preprocessor_config.json").unlink(), "can't be loaded"),
    ],
    ids=["no weights", "pickled weights", "broken weights", "another model", "broken config", "no processor"],
)
def test_a_spoiled_folder_is_one_line(use, tiny, tmp_path, spoil, word):
    folder = Path(shutil.copytree(tiny, tmp_path / "spoiled"))
    spoil(folder)
    assert word in refused(use(folder))


def test_half_the_weights_are_not_filled_with_random_numbers(use, tiny, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(tiny, tmp_path / "half"))
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("neck.")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    assert "neck." in refused(use(folder))


def test_a_metric_model_is_not_taken_for_disparity(use, tmp_path):
    text = refused(use(metric_depth_anything(tmp_path / "metric")))
    assert "is depth_anything metric" in text and "Accepted: depth_anything relative" in text


def test_in_the_studio(use, tiny, tmp_path):
    """A failed engine leaves the sample as it was; a working one is one event, and measured with."""
    studio = Studio(tmp_path / "data")
    image, depth, camera, objects = small_scene(48, 64)
    ready = Ready([Detection(o.label, o.box, 1.0, o.mask) for o in objects], "made")
    sample_id = studio.add_picture(
        OWNER, Picture(image, to_png(image), "balls.png", ()), recipe=Recipe(depth, camera, ready)
    )
    before = studio.open(OWNER, sample_id)
    use(tmp_path / "absent")
    with pytest.raises(Unavailable):
        studio.set_depth(OWNER, sample_id, NAME)
    after = studio.open(OWNER, sample_id)
    assert after.events == before.events
    assert isinstance(after.depth, DepthMap) and after.depth.source == "made"

    use(tiny)
    made = studio.set_depth(OWNER, sample_id, NAME)
    assert made.depth is not None and (made.depth.kind, made.depth.source) == ("disparity", "Depth Anything V2 Small")
    assert made.depth.valid.all()
    assert len(made.events) > len(before.events) and made.events[: len(before.events)] == before.events
    assert [run.engine for run in made.provenance if run.stage == "depth"][-1] == NAME
    assert studio.undo(OWNER, sample_id).depth.source == "made"
