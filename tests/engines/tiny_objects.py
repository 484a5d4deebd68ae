"""Tiny detectors and mask networks with random weights, saved as the real ones are, with vocabularies written here."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

from tests.engines.tiny import IMAGENET, described, seeded

SIDE = 32
"""What the OWL networks see, px."""
SAM_SIDE = 64
"""What the mask networks see, px."""
CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}


WORDS = ("photo", "of", "cup", "dog", "wine", "glass", "table")


def clip_words(folder: Path) -> int:
    """A byte-level vocabulary of single letters and a few words, as CLIP's is laid out; how many tokens it has."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = ["!", *sorted(set(ByteLevel.alphabet()) - {"!"})]
    parts = [[*word[:-1], f"{word[-1]}</w>"] for word in WORDS]
    merges = list(dict.fromkeys(("".join(p[:k]), p[k]) for p in parts for k in range(1, len(p))))
    joined = ["".join(pair) for pair in merges]
    words = [*letters, *(f"{c}</w>" for c in letters), *joined, "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({w: k for k, w in enumerate(words)}), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    said = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 16, "pad_token": "!"}
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(said | special), encoding="utf-8")
    return len(words)


def owl(folder: Path, kind: str = "OwlViT", side: int = SIDE, width: int = 16, layers: int = 2, heads: int = 2) -> Path:
    """An OWL-ViT ("OwlViT") or OWLv2 ("Owlv2") network with patches of 8 px, and the files of the real one."""
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    count = clip_words(folder)
    size = {"hidden_size": width, "intermediate_size": 16, "num_hidden_layers": layers, "num_attention_heads": heads}
    ends = {"pad_token_id": 0, "bos_token_id": count - 2, "eos_token_id": count - 1}
    text = {"vocab_size": count, "max_position_embeddings": 16, **ends, **size}
    config = getattr(transformers, f"{kind}Config")(
        text_config=text, vision_config={"image_size": side, "patch_size": 8, **size}, projection_dim=width
    )
    with seeded(), torch.no_grad():
        model = getattr(transformers, f"{kind}ForObjectDetection")(config)
        model.box_head.dense2.weight.mul_(0.05)  # boxes near their patches
        model.class_head.logit_shift.weight.mul_(0.1)  # and scores in between
        model.class_head.logit_scale.weight.zero_()
        model.class_head.logit_scale.bias.fill_(3)
    model.save_pretrained(folder)
    own = {"do_pad": True, "resample": 2} if kind == "Owlv2" else {"do_center_crop": False, "resample": 3}
    names = {"image_processor_type": f"{kind}ImageProcessor", "processor_class": f"{kind}Processor"}
    return described(folder, size={"height": side, "width": side}, **names, **own, **CLIP)


def owl_that_finds_white(folder: Path, kind: str) -> Path:
    """An OWL network of 8 x 8 patches with weights set by hand: a patch scores 0.99 where it is bright, else 0.01.

    Its box is as large as a patch, with its middle in the patch's lower right corner (where OWL's boxes start from).
    """
    import torch
    import transformers

    owl(folder, kind, side=64, width=4, layers=1, heads=1)
    cls = getattr(transformers, f"{kind}ForObjectDetection")
    model = cls.from_pretrained(folder)
    seen = getattr(model, kind.lower())
    direction = torch.tensor([1.0, 1.0, -1.0, -1.0])
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        for name, p in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                p.fill_(1)
        eyes = seen.vision_model.embeddings
        eyes.class_embedding.copy_(torch.tensor([1.0, -1.0, 1.0, -1.0]))
        eyes.patch_embedding.weight[0, 0] = 1 / 64
        eyes.patch_embedding.weight[1, 0] = -1 / 64
        seen.text_model.final_layer_norm.bias.copy_(direction)
        seen.text_projection.weight.copy_(torch.eye(4))
        model.class_head.dense0.weight.copy_(torch.eye(4))
        model.class_head.logit_scale.bias.fill_(4.0)
    model.save_pretrained(folder)
    return folder


def grounding_dino(folder: Path, longest: int = 128) -> Path:
    """A Grounding DINO network with 20 queries that reads texts of `longest` tokens, and the files of the real one.

    Its full stop and question mark have the ids of BERT's vocabulary, which the network knows by number.
    """
    from transformers import BertConfig, GroundingDinoConfig, GroundingDinoForObjectDetection, SwinConfig

    folder.mkdir(parents=True, exist_ok=True)
    words = [f"[unused{k}]" for k in range(1100)]
    words[0], words[100:104] = "[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words[1012], words[1029] = ".", "?"
    known = [*string.ascii_lowercase, *string.digits, "cat", "dog", "cup", "wine", "glass", "table", "big"]
    known += [f"##{c}" for c in string.ascii_lowercase + string.digits]
    words[200 : 200 + len(known)] = known
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    said = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(said), encoding="utf-8")
    eyes = SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, out_indices=[2, 3, 4]
    )
    text = BertConfig(vocab_size=1100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    config = GroundingDinoConfig(
        backbone_config=eyes, text_config=text, num_queries=20, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, d_model=64, encoder_attention_heads=4, decoder_attention_heads=4, max_text_len=longest,
    )  # fmt: skip
    with seeded():
        GroundingDinoForObjectDetection(config).save_pretrained(folder)
    names = {"image_processor_type": "GroundingDinoImageProcessor", "processor_class": "GroundingDinoProcessor"}
    size = {"shortest_edge": 64, "longest_edge": 107}
    return described(folder, size=size, do_pad=True, resample=2, format="coco_detection", **names, **IMAGENET)


def sam(folder: Path) -> Path:
    """A SAM network that sees 64 px, and the processor file of the real one (the engine does without it)."""
    from transformers import SamConfig, SamModel

    eyes = {
        "hidden_size": 16, "output_channels": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": SAM_SIDE,
        "patch_size": 8, "mlp_dim": 16, "window_size": 2, "global_attn_indexes": [1], "num_pos_feats": 8,
    }  # fmt: skip
    asked = {"hidden_size": 16, "image_size": SAM_SIDE, "patch_size": 8, "mask_input_channels": 4}
    with seeded():
        SamModel(
            SamConfig(vision_config=eyes, prompt_encoder_config=asked, mask_decoder_config=_decoder(16))
        ).save_pretrained(folder)
    return described(
        folder, image_processor_type="SamImageProcessor", processor_class="SamProcessor", size={"longest_edge": SAM_SIDE},
        do_pad=True, pad_size={"height": SAM_SIDE, "width": SAM_SIDE}, resample=2, **IMAGENET,
    )  # fmt: skip


def sam2(folder: Path, video: bool = False) -> Path:
    """A SAM 2 network that sees 64 px; with `video` the larger one for films, as its authors publish it."""
    from transformers import Sam2Config, Sam2Model, Sam2VideoConfig, Sam2VideoModel

    trunk = {
        "model_type": "sam2_hiera_det_model", "hidden_size": 8, "image_size": [SAM_SIDE, SAM_SIDE],
        "window_positional_embedding_background_size": [2, 2], "blocks_per_stage": [1, 2, 1, 1],
        "embed_dim_per_stage": [8, 16, 24, 32], "num_attention_heads_per_stage": [1, 1, 1, 1],
        "window_size_per_stage": [4, 4, 4, 4], "global_attention_blocks": [2],
    }  # fmt: skip
    parts = {
        "vision_config": {
            "backbone_config": trunk, "backbone_channel_list": [32, 24, 16, 8], "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        },
        "prompt_encoder_config": {"hidden_size": 32, "image_size": SAM_SIDE, "patch_size": 16, "mask_input_channels": 4},
        "mask_decoder_config": _decoder(32),
    }  # fmt: skip
    memory = {
        "image_size": SAM_SIDE, "memory_attention_hidden_size": 32, "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 16, "memory_attention_rope_feat_sizes": [4, 4],
        "memory_encoder_hidden_size": 32, "memory_encoder_output_channels": 8, "mask_downsampler_embed_dim": 32,
        "memory_fuser_embed_dim": 32, "memory_fuser_intermediate_dim": 16,
    }  # fmt: skip
    with seeded():
        model = Sam2VideoModel(Sam2VideoConfig(**parts, **memory)) if video else Sam2Model(Sam2Config(**parts))
    model.save_pretrained(folder)
    return folder


def _decoder(width: int) -> dict[str, Any]:
    return {
        "hidden_size": width, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "iou_head_hidden_dim": 16
    }  # fmt: skip


MAKERS: dict[str, Any] = {
    "owlvit": owl,
    "visor": owl,
    "owlv2": lambda folder: owl(folder, "Owlv2"),
    "grounding-dino": grounding_dino,
    "sam": sam,
    "sam2": sam2,
}
"""Name of an engine -> what saves a tiny model of it to a folder."""
