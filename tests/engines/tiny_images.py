"""Diffusion models of a few thousand random weights, from diffusers' and transformers' real classes, saved as the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.engines.tiny import seeded

SIDE = 32
"""Side of the pictures the tiny models draw, px; a latent pixel is 2 wide."""
WIDE = 16
"""Width of the tiny text encoders."""
XL = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
"""What the networks of Stable Diffusion XL take besides."""


def save_sd(folder: Path, seed: int = 3, **unet: Any) -> Path:
    """A Stable Diffusion 1.x model: UNet, VAE, text encoder, tokenizer, scheduler."""
    from diffusers import PNDMScheduler

    with seeded(seed):
        save_unet(folder / "unet", **unet)
        save_vae(folder / "vae")
        save_text(folder / "text_encoder", folder / "tokenizer")
    PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True).save_pretrained(
        folder / "scheduler"
    )
    return folder


def save_sdxl(folder: Path, seed: int = 5, refiner: bool = False) -> Path:
    """A Stable Diffusion XL model, or its refiner, which has the second text encoder only."""
    from diffusers import EulerDiscreteScheduler

    wide = WIDE if refiner else 2 * WIDE
    ids = 5 if refiner else 6
    with seeded(seed):
        save_unet(folder / "unet", cross_attention_dim=wide, projection_class_embeddings_input_dim=ids * 8 + WIDE, **XL)
        save_vae(folder / "vae")
        if not refiner:
            save_text(folder / "text_encoder", folder / "tokenizer")
        save_text(folder / "text_encoder_2", folder / "tokenizer_2", projected=True)
    EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").save_pretrained(
        folder / "scheduler"
    )
    return folder


def unet_config(**changes: Any) -> dict[str, Any]:
    return {
        "sample_size": SIDE // 2, "in_channels": 4, "out_channels": 4, "layers_per_block": 1,
        "block_out_channels": (8, 16), "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "cross_attention_dim": WIDE,
        "attention_head_dim": 4, "norm_num_groups": 4, **changes,
    }  # fmt: skip


def save_unet(folder: Path, **changes: Any) -> None:
    from diffusers import UNet2DConditionModel

    net = UNet2DConditionModel(**unet_config(**changes))
    lively(net)
    net.save_pretrained(folder)


def lively(net: Any) -> None:
    """Gates that are closed in a fresh network are open in a trained one."""
    import torch

    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith(("alpha_attn", "alpha_dense")):
                p.fill_(0.7)


def save_control(folder: Path, seed: int = 7, **changes: Any) -> Path:
    """A ControlNet for the tiny UNet."""
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    with seeded(seed):
        unet = UNet2DConditionModel(**unet_config(**changes))
        net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 16))
        with torch.no_grad():  # its last layers start at zero
            for name, p in net.named_parameters():
                if "controlnet_" in name:
                    p.normal_(0, 0.3)
    net.save_pretrained(folder)
    return folder


def save_vae(folder: Path) -> None:
    from diffusers import AutoencoderKL

    AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1, norm_num_groups=4, latent_channels=4, sample_size=SIDE,
    ).save_pretrained(folder)  # fmt: skip


def save_text(folder: Path, tokenizer: Path, projected: bool = False) -> None:
    """A text encoder and a tokenizer that reads letters, digits and a few words."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    size = write_tokenizer(tokenizer)
    config = CLIPTextConfig(
        vocab_size=size, hidden_size=WIDE, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=77, projection_dim=WIDE, bos_token_id=size - 2, eos_token_id=size - 1, pad_token_id=size - 1,
    )  # fmt: skip
    (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).save_pretrained(folder)


def save_all(root: Path) -> str:
    """A tiny model for every image engine, and what SPACE_STUDIO_MODELS is then to say."""
    boxes = save_sd(root / "tiny-gligen", attention_type="gated")
    xl = {"cross_attention_dim": 2 * WIDE, "projection_class_embeddings_input_dim": 6 * 8 + WIDE, **XL}
    where = {
        "gligen": boxes,
        "lmd-plus": boxes,
        "depth-controlnet-sd15": save_sd(root / "tiny-sd15"),
        "depth-controlnet-sd15-control": save_control(root / "tiny-control"),
        "depth-controlnet-sdxl": save_sdxl(root / "tiny-sdxl"),
        "depth-controlnet-sdxl-control": save_control(root / "tiny-control-xl", **xl),
        "inpaint": save_sd(root / "tiny-inpaint", in_channels=9),
        "sdxl-refine": save_sdxl(root / "tiny-refiner", refiner=True),
    }
    return ",".join(f"{engine}={folder}" for engine, folder in where.items())


MERGES = ("c a", "ca t</w>", "b a", "ba l", "bal l</w>", "l a", "la m", "lam p</w>")


def write_tokenizer(folder: Path) -> int:
    """The files of a CLIP tokenizer; returns how many tokens it has."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(m.split()) for m in MERGES)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "unk_token": "<|endoftext|>",
                    "pad_token": "<|endoftext|>", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}),
        encoding="utf-8",
    )  # fmt: skip
    return len(tokens)
