"""A language model on this machine: the real loading, template and generating code on tiny models made here.

A network with random weights writes nonsense, so one is made that recites: its embedding is the identity, its layers add
nothing, and its head sends each word to the next of a script.
"""

from __future__ import annotations

import functools
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from spacestudio.engines import LANGUAGE
from spacestudio.engines.language.talk import NoAnswer, Talk, messages_of
from spacestudio.engines.progress import Told, listening
from spacestudio.engines.protocols import Message
from spacestudio.errors import Cancelled, Unavailable
from spacestudio.services.converse import imagine_scene
from spacestudio.settings import settings
from tests.engines.tiny import one_line, seeded
from tests.support import coffee

pytestmark = pytest.mark.skipif(
    bool(LANGUAGE["transformers"].missing()), reason="needs: pip install -r requirements-models.txt"
)
SCRIPT = ['{"scenes":', '["harbour"', ',"market', 'hall"', "]}"]
TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }} : {% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for part in m['content'] %}{% if part['type'] == 'image' %} <image> {% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %} \n{% endfor %}{% if add_generation_prompt %} begin{% endif %}"
)


class Scenes(BaseModel):
    scenes: list[str]


def save_tokenizer(folder: Path, words: list[str], template: str = TEMPLATE) -> Any:
    """A tokenizer of whole words; a word of the script keeps its punctuation."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = ["<unk>", "<pad>", "<end>", "<image>", "begin", *words]
    made = Tokenizer(models.WordLevel({word: k for k, word in enumerate(tokens)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", pad_token="<pad>", eos_token="<end>",
        extra_special_tokens={"image_token": "<image>"}, clean_up_tokenization_spaces=False,
    )  # fmt: skip
    fast.chat_template = template or None
    fast.save_pretrained(folder)
    return fast


def text_config(tokenizer: Any, width: int = 32, longest: int = 4096) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=longest, tie_word_embeddings=False, bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip


def recite(network: Any, tokenizer: Any, script: list[str]) -> None:
    """Weights that say the script after "begin", word for word, and then end."""
    import torch

    order = tokenizer.convert_tokens_to_ids(["begin", *script, "<end>"])
    body = getattr(network.model, "language_model", network.model)
    with torch.no_grad():
        body.embed_tokens.weight.copy_(torch.eye(*body.embed_tokens.weight.shape))
        for layer in body.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        body.norm.weight.fill_(20.0)
        network.lm_head.weight.zero_()
        for here, there in pairwise(order):
            network.lm_head.weight[there, here] = 1.0


def save_model(
    folder: Path, script: list[str] | None = SCRIPT, template: str = TEMPLATE, longest: int = 4096, width: int = 32
) -> Path:
    """A Llama of a few thousand weights: reciting a script, else random."""
    from transformers import LlamaForCausalLM

    tokenizer = save_tokenizer(folder, [*(script or SCRIPT), "user", "system", ":"], template)
    with seeded():
        network = LlamaForCausalLM(text_config(tokenizer, width, longest))
    if script:
        recite(network, tokenizer, script)
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny-chat")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch):
    """Replies of 24 tokens at most, told once what was wrong."""
    monkeypatch.setenv("SPACE_STUDIO_LANGUAGE_TOKENS", "24")
    monkeypatch.setenv("SPACE_STUDIO_LANGUAGE_REPAIRS", "1")
    settings.cache_clear()
    yield
    settings.cache_clear()


def asked(text: str = "Name two scenes") -> list[Message]:
    return messages_of(text, {"already": []}, Scenes)


def test_a_model_from_a_folder_answers_and_is_counted(folder, short):
    chat = LANGUAGE.make(f"transformers:{folder}")
    for seed in (0, 7):
        talk = Talk(chat, seed)
        assert talk.ask(asked(), Scenes).scenes == ["harbour", "markethall"]
        assert (talk.counts.calls, talk.counts.completion_tokens) == (1, len(SCRIPT) + 1)
        assert talk.counts.prompt_tokens > 10 and not talk.counts.rejected
    assert chat.settings["model"] == "tiny-chat", "no path of this machine in provenance"
    assert json.loads(json.dumps(dict(chat.settings))) == dict(chat.settings)


def test_the_template_is_the_models_own(folder):
    from spacestudio.engines.language.local import load, prepared
    from spacestudio.engines.models import Weights, device

    weights = Weights.of("transformers", "x", "", str(folder))
    m = load(weights, folder, device())
    given = prepared(weights, m, [Message("system", "a"), Message("user", "b")])
    by_transformers = m.tokenizer.apply_chat_template(
        [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], add_generation_prompt=True, return_dict=True
    )
    assert given["input_ids"][0].tolist() == by_transformers["input_ids"]


def test_random_weights_say_the_same_for_the_same_seed_and_leave_others_dice_alone(tmp_path, short):
    import torch

    chat = LANGUAGE.make(f"transformers:{save_model(tmp_path / 'wild', script=None)}")
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    said = {seed: chat.say(asked(), {}, seed).text for seed in (0, 1, 2, 3)}
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(6)
    assert {seed: chat.say(asked(), {}, seed).text for seed in said} == said
    assert len(set(said.values())) > 1, "another seed, another reply"


def test_nonsense_is_refused_and_the_grammar_takes_over_and_says_so(tmp_path, short):
    save_model(tmp_path / "wild", script=None)
    written = imagine_scene("kitchen", 3, f"transformers:{tmp_path / 'wild'}")
    assert len(written.graph) >= 3 and written.run.engine == "grammar"
    assert written.run.settings["instead_of"]["engine"] == "transformers"
    assert sum(written.counts.rejected.values()) == 2 == written.counts.calls
    assert "Common-sense grammar wrote this scene instead" in written.warnings[0]


def test_a_cut_reply_is_told_as_such(tmp_path, short):
    endless = [f"word{k}" for k in range(30)]
    chat = LANGUAGE.make(f"transformers:{save_model(tmp_path / 'endless', endless, width=64)}")
    reply = chat.say(asked(), {}, 0)
    assert reply.cut and reply.completion_tokens == 24


def test_stopping_in_the_middle(folder, short):
    told: list[Told] = []

    def stop(said: Told) -> None:
        told.append(said)
        if said.share and said.share > 0.1:
            raise Cancelled("Stopped")

    with listening(stop), pytest.raises(Cancelled):
        Talk(LANGUAGE.make(f"transformers:{folder}")).ask(asked(), Scenes)
    assert 3 <= len(told) < 10, "stopped at the third word, not after the reply"
    assert Talk(LANGUAGE.make(f"transformers:{folder}")).ask(asked(), Scenes).scenes, "and it still works"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("transformers", "needs a model"),
        ("transformers:/no/such/folder", "is no folder"),
        ("transformers:org/never-downloaded", "not on this disk"),
    ],
)
def test_missing_weights_are_one_line(spec, says):
    with pytest.raises(Unavailable) as caught:
        imagine_scene("kitchen", 0, spec)
    assert says in one_line(caught.value) and "SPACE_STUDIO_MODELS" in str(caught.value)


def test_what_a_model_can_not_do_is_one_line(tmp_path, folder, short):
    blind = LANGUAGE.make(f"transformers:{folder}")
    with pytest.raises(Unavailable, match="can't look at pictures"):
        blind.say([Message("user", "what?", coffee(40, 30))], {}, 0)
    mute = LANGUAGE.make(f"transformers:{save_model(tmp_path / 'mute', template='')}")
    with pytest.raises(Unavailable, match="no chat template"):
        mute.say(asked(), {}, 0)
    narrow = LANGUAGE.make(f"transformers:{save_model(tmp_path / 'narrow', longest=16)}")
    with pytest.raises(Unavailable, match=r"tokens are asked of a model that takes 16"):
        narrow.say(asked(), {}, 0)


def test_a_checkpoint_with_missing_weights_is_refused(tmp_path, folder):
    import shutil

    from safetensors.torch import load_file, save_file

    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    weights = load_file(broken / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Unavailable, match="lacks 1 weights"):
        LANGUAGE.make(f"transformers:{broken}").say(asked(), {}, 0)


def test_out_of_memory_is_one_line_and_the_model_is_let_go(folder, short, monkeypatch):
    import torch
    from transformers import LlamaForCausalLM

    from spacestudio.engines.models import SHELF

    def full(self, *args, **given):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(LlamaForCausalLM, "forward", full)
    with pytest.raises(Unavailable) as caught:
        LANGUAGE.make(f"transformers:{folder}").say(asked(), {}, 0)
    assert "out of memory" in one_line(caught.value) and len(SHELF) == 0


def save_seeing(folder: Path, script: list[str]) -> Path:
    """A LLaVA of a few thousand weights that recites."""
    from transformers import CLIPVisionConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = save_tokenizer(folder, [*script, "user", "system", ":"])
    side = 28
    eye = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=side, patch_size=14,
        projection_dim=16,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=eye, text_config=text_config(tokenizer), image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )  # fmt: skip
    with seeded():
        network = LlavaForConditionalGeneration(config)
    recite(network, tokenizer, script)
    network.generation_config.eos_token_id = tokenizer.eos_token_id
    network.save_pretrained(folder)
    eyes = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    LlavaProcessor(
        eyes, tokenizer, patch_size=14, vision_feature_select_strategy="default", image_token="<image>",
        num_additional_image_tokens=1, chat_template=TEMPLATE,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def test_a_model_that_sees_is_shown_the_picture(tmp_path, short, monkeypatch):
    chat = LANGUAGE.make(f"transformers:{save_seeing(tmp_path / 'seeing', SCRIPT)}")
    from transformers import CLIPVisionModel

    seen: list[Any] = []
    real = CLIPVisionModel.forward

    @functools.wraps(real)
    def forward(self, *args, **given):
        seen.append(args[0] if args else given["pixel_values"])
        return real(self, *args, **given)

    monkeypatch.setattr(CLIPVisionModel, "forward", forward)
    reply = chat.say(messages_of("What is it?", {}, Scenes, coffee(60, 40)), {}, 0)
    assert re.sub(r"\s", "", reply.text) == "".join(SCRIPT)
    assert len(seen) == 1 and np.prod(seen[0].shape) == 3 * 28 * 28
    assert chat.say(asked(), {}, 0).text == reply.text, "and it can talk without a picture"
    assert len(seen) == 1


def test_no_answer_is_an_error_that_names_the_model(tmp_path, short):
    chat = LANGUAGE.make(f"transformers:{save_model(tmp_path / 'wild', script=None)}")
    with pytest.raises(NoAnswer, match="transformers gave no usable answer"):
        Talk(chat).ask(asked(), Scenes)
