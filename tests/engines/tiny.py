"""Tiny models with random weights, saved as the real ones are: what goes through the engines' own loading and running code."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spacestudio.errors import SpaceStudioError, Unavailable
from tests.support import coffee

SIDE = 28
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
STAGES = ["stage1", "stage2", "stage3", "stage4"]


@contextmanager
def seeded(seed: int = 3):
    """Random weights that are the same every time, without touching the numbers others draw."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def described(folder: Path, **processor: Any) -> Path:
    """`folder` with the processor file a model comes with."""
    said = {"do_resize": True, "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255, **processor}
    (folder / "preprocessor_config.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def one_line(error: SpaceStudioError) -> str:
    """What a person reads of an error; a traceback or a second line fails."""
    text = str(error)
    assert text and "\n" not in text and "Traceback" not in text and 'File "' not in text
    return text


def refused(made: Any) -> str:
    """The one line in which a depth engine says that it can't run."""
    with pytest.raises(Unavailable) as caught:
        made.estimate(coffee(60, 40))
    return one_line(caught.value)


def _dinov2(side: int = SIDE, **more: Any) -> Any:
    from transformers import Dinov2Config

    return Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=side, patch_size=14,
        out_features=STAGES, reshape_hidden_states=False, **more,
    )  # fmt: skip


SIZES = {"reassemble_hidden_size": 16, "neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8, "head_hidden_size": 8}
PATCHES = {
    "image_processor_type": "DPTImageProcessor", "size": {"height": SIDE, "width": SIDE}, "resample": 3,
    "keep_aspect_ratio": True, "ensure_multiple_of": 14, "do_pad": False, **IMAGENET,
}  # fmt: skip


def _lively(model: Any, last: Any, bias: float) -> None:
    """Numbers that differ over the picture, and above the last ReLU."""
    import torch

    with torch.no_grad():
        for p in model.neck.parameters():
            p.mul_(5)
        for p in model.head.parameters():
            p.mul_(20)
        last.bias.fill_(bias)


def depth_anything(folder: Path, **config: Any) -> Path:
    """A Depth Anything network of a few thousand weights."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation

    with seeded():
        model = DepthAnythingForDepthEstimation(DepthAnythingConfig(backbone_config=_dinov2(), **SIZES, **config))
        _lively(model, model.head.conv3, 0.0 if config.get("depth_estimation_type") == "metric" else 40.0)
    model.save_pretrained(folder)
    return described(folder, **PATCHES)


def metric_depth_anything(folder: Path) -> Path:
    """One tuned for metres, up to 20."""
    return depth_anything(folder, depth_estimation_type="metric", max_depth=20)


def prompt_depth_anything(folder: Path) -> Path:
    """Prompt Depth Anything."""
    from transformers import PromptDepthAnythingConfig, PromptDepthAnythingForDepthEstimation

    with seeded():
        config = PromptDepthAnythingConfig(backbone_config=_dinov2(), depth_estimation_type="metric", max_depth=1, **SIZES)
        model = PromptDepthAnythingForDepthEstimation(config)
        _lively(model, model.head.conv3, 0.0)
    model.save_pretrained(folder)
    return described(folder, **PATCHES)


def dpt(folder: Path) -> Path:
    """A DPT with its own transformer, as the MiDaS ones are; its processor file is of the old form."""
    from transformers import DPTConfig, DPTForDepthEstimation

    with seeded():
        config = DPTConfig(
            hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=16,
            is_hybrid=False, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
        )  # fmt: skip
        model = DPTForDepthEstimation(config)
        _lively(model, model.head.head[4], 40.0)
    model.save_pretrained(folder)
    return described(folder, size=32, resample=2, image_mean=[0.5] * 3, image_std=[0.5] * 3)


def dpt_on_dinov2(folder: Path) -> Path:
    """A DPT head on DINOv2, as those trained on the metres of NYU and KITTI are."""
    from transformers import DPTConfig, DPTForDepthEstimation

    with seeded():
        config = DPTConfig(
            backbone_config=_dinov2(), neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, is_hybrid=False,
        )  # fmt: skip
        model = DPTForDepthEstimation(config)
        _lively(model, model.head.head[4], 4.0)
    model.save_pretrained(folder)
    numbers = {"image_mean": [123.675, 116.28, 103.53], "image_std": [58.395, 57.12, 57.375]}
    return described(folder, do_resize=False, do_rescale=False, do_pad=True, size_divisor=14, **numbers)


def glpn(folder: Path) -> Path:
    """A GLPN; its processor file says next to nothing, as the real one's."""
    from transformers import GLPNConfig, GLPNForDepthEstimation

    with seeded():
        config = GLPNConfig(
            hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2], mlp_ratios=[2, 2, 2, 2],
            decoder_hidden_size=8, max_depth=10,
        )  # fmt: skip
        model = GLPNForDepthEstimation(config).eval()
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        '{"do_rescale": true, "do_resize": true, "feature_extractor_type": "GLPNFeatureExtractor", "resample": 2, "size_divisor": 32}'
    )
    return folder


def zoedepth(folder: Path) -> Path:
    """A ZoeDepth with one set of bins."""
    import torch
    from transformers import BeitConfig, ZoeDepthConfig, ZoeDepthForDepthEstimation

    with seeded():
        backbone = BeitConfig(
            hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=16,
            use_relative_position_bias=True, out_features=STAGES, reshape_hidden_states=False,
        )  # fmt: skip
        config = ZoeDepthConfig(
            backbone_config=backbone, backbone_hidden_size=16, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
            bottleneck_features=8, num_relative_features=4, num_attractors=[2, 2, 2, 1], bin_embedding_dim=8,
            bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0, "name": "nyu"}],
        )  # fmt: skip
        model = ZoeDepthForDepthEstimation(config)
        with torch.no_grad():
            for name, p in model.named_parameters():
                if not name.startswith("backbone"):
                    p.normal_(0.0, 0.4)
    model.save_pretrained(folder)
    sides = {"size": {"height": 32, "width": 64}, "keep_aspect_ratio": True, "ensure_multiple_of": 32}
    return described(folder, do_pad=True, resample=2, image_mean=[0.5] * 3, image_std=[0.5] * 3, **sides)


def depth_pro(folder: Path, fov_deg: float | None = 50.0) -> Path:
    """A Depth Pro that sees about `fov_deg` degrees across in every picture; None leaves that part out."""
    import torch
    from transformers import DepthProConfig, DepthProForDepthEstimation, Dinov2Config

    with seeded():
        encoder = Dinov2Config(
            hidden_size=16, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=16, patch_size=4
        )
        config = DepthProConfig(
            patch_size=16, fusion_hidden_size=8, intermediate_hook_ids=[3, 1], intermediate_feature_dims=[8, 8],
            scaled_images_ratios=[0.5, 1.0], scaled_images_overlap_ratios=[0.0, 0.25], scaled_images_feature_dims=[8, 8],
            use_fov_model=fov_deg is not None, image_model_config=encoder, patch_model_config=encoder, fov_model_config=encoder,
        )  # fmt: skip
        model = DepthProForDepthEstimation(config)
        if fov_deg is not None:
            last = model.fov_model.head.layers[-1]
            with torch.no_grad():
                last.weight.mul_(0.1)
                last.bias.fill_(fov_deg)
    model.save_pretrained(folder)
    return described(folder, size={"height": 32, "width": 32}, resample=2, image_mean=[0.5] * 3, image_std=[0.5] * 3)


Factory = Callable[[Path], Path]
FACTORIES: dict[str, Factory] = {
    "depth-anything-v2-small": depth_anything,
    "depth-anything-v2-indoor": metric_depth_anything,
    "depth-anything-v2-outdoor": metric_depth_anything,
    "depth-pro": depth_pro,
    "zoedepth": zoedepth,
    "depth-model": dpt,
}
"""Engine -> what saves a tiny model of it into a folder; the contract test asks for one per engine with weights."""
