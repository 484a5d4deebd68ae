"""A language or vision-language model of transformers on this machine, by its name on the Hub or a folder.

The registry imports this file, and with it torch, only when such an engine is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image as Pictures

from spacestudio.engines.language.scenes import ChatScenes
from spacestudio.engines.models import SAFE, SHELF, Device, Weights, device, loading, on_gpu, running, whole
from spacestudio.engines.progress import tell
from spacestudio.engines.protocols import Message, Reply
from spacestudio.errors import Unavailable
from spacestudio.settings import settings

TITLE = "The language model"
FILES = (*SAFE, "*.jinja")
"""What is read of a model: no pickles, no code; chat templates may stand in a file of their own."""
SAFELY: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
TEMPERATURE = 0.7
"""Of sampling (ours); a seed of 0 takes the likeliest word instead."""


class LocalModel(ChatScenes):
    """Any transformers model with a chat template; the same messages and seed give the same reply on the same machine."""

    name = "transformers"
    version = f"transformers {transformers.__version__}"

    def __init__(self, model: str = "") -> None:
        self.weights = Weights.of(self.name, TITLE, "", model)
        self.limits = settings()

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, where and how precisely it runs, and limits."""
        tokens = self.limits.language_tokens
        return {"model": self.weights.name, **device().facts, "temperature": TEMPERATURE, "max_tokens": tokens}

    def say(self, messages: Sequence[Message], schema: Mapping[str, Any], seed: int) -> Reply:
        """One reply; the schema stands in the messages.

        Raises:
            Unavailable: the weights can't be had, there is no chat template, the model can't look at pictures or so much
                text, or memory ran out.
            Cancelled: the person stopped it.
        """
        folder = self.weights.folder(FILES)
        tell(None, f"Loading {self.weights.name}")
        return generate(self.weights, folder, tuple(messages), seed, self.limits.language_tokens)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network, what makes its inputs (a tokenizer, or a processor that takes pictures too), and where it runs."""

    network: Any
    prepare: Any
    where: Device
    sees: bool

    @property
    def tokenizer(self) -> Any:
        """Text to numbers and back."""
        return getattr(self.prepare, "tokenizer", self.prepare)


@on_gpu(60)
def generate(weights: Weights, folder: Path, messages: tuple[Message, ...], seed: int, tokens: int) -> Reply:
    """The model's next turn.

    Raises:
        Unavailable, Cancelled: see `LocalModel.say`.
    """
    where = device()
    need = sum(f.stat().st_size for f in folder.glob("*.safetensors"))
    key = (weights.engine, weights.where, where.name, where.dtype)
    with SHELF.borrow(key, lambda: load(weights, folder, where), need) as m, running(TITLE):
        given = prepared(weights, m, messages)
        length = given["input_ids"].shape[1]
        longest = getattr(m.network.config.get_text_config(), "max_position_embeddings", None) or length + tokens
        if length >= longest:
            raise Unavailable(
                f"{length} tokens are asked of a model that takes {longest}", next_step="Choose a larger model"
            )
        tokens = min(tokens, longest - length)
        end, pad = m.network.generation_config.eos_token_id, m.tokenizer.pad_token_id
        config = transformers.GenerationConfig(
            do_sample=bool(seed),
            temperature=TEMPERATURE if seed else 1.0,
            max_new_tokens=tokens,
            eos_token_id=end,
            pad_token_id=m.tokenizer.eos_token_id if pad is None else pad,
        )
        stops = transformers.StoppingCriteriaList([_Told(length, tokens)])
        with torch.random.fork_rng(devices=[0] if where.name == "cuda" else []):
            torch.manual_seed(seed)
            made = m.network.generate(**given, generation_config=config, stopping_criteria=stops)[0, length:]
        ends = {end} if isinstance(end, int) else set(end or ())
        text = m.tokenizer.decode(made, skip_special_tokens=True)
        return Reply(text, length, len(made), cut=len(made) >= tokens and int(made[-1]) not in ends)


class _Told(transformers.StoppingCriteria):  # type: ignore[misc]
    """Tells at every token, which is where the person can stop it."""

    def __init__(self, start: int, most: int) -> None:
        self.start, self.most = start, most

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        done = input_ids.shape[1] - self.start
        tell(done / self.most, f"{TITLE} writes")
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


def prepared(weights: Weights, m: Loaded, messages: Sequence[Message]) -> dict[str, Any]:
    """Token ids, and pixels where there is a picture, by the model's own chat template.

    Raises:
        Unavailable: it has none, or can't look at pictures.
    """
    pictures = [Pictures.fromarray(message.image) for message in messages if message.image is not None]
    if pictures and not m.sees:
        raise Unavailable(f"“{weights.name}” can't look at pictures", next_step="Choose a vision-language model")
    if not (getattr(m.prepare, "chat_template", None) or getattr(m.tokenizer, "chat_template", None)):
        raise Unavailable(f"“{weights.name}” has no chat template", next_step="Choose a model tuned for conversation")
    turns = [{"role": message.role, "content": _content(message) if m.sees else message.text} for message in messages]
    with loading(weights):
        text = m.prepare.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        ask = {"text": [text], "return_tensors": "pt"} | ({"images": pictures} if pictures else {})
        given = m.prepare(**ask, **({} if m.sees else {"add_special_tokens": False}))
    kept = ((k, v) for k, v in given.items() if k != "token_type_ids")
    return {k: v.to(m.where.name, m.where.dtype) if v.is_floating_point() else v.to(m.where.name) for k, v in kept}


def _content(message: Message) -> list[dict[str, str]]:
    text = {"type": "text", "text": message.text}
    return [{"type": "image"}, text] if message.image is not None else [text]


def load(weights: Weights, folder: Path, where: Device) -> Loaded:
    """The model in `folder`, ready to run.

    Raises:
        Unavailable: it can't be read, lacks weights, or writes no text.
    """
    with loading(weights):
        config = transformers.AutoConfig.from_pretrained(folder, **SAFELY)
        sees = type(config) in transformers.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
        kind = transformers.AutoModelForImageTextToText if sees else transformers.AutoModelForCausalLM
        prepare = (transformers.AutoProcessor if sees else transformers.AutoTokenizer).from_pretrained(folder, **SAFELY)
        network, report = kind.from_pretrained(
            folder, dtype=where.dtype, use_safetensors=True, output_loading_info=True, **SAFELY
        )
        whole(weights, report)
        return Loaded(network.to(where.name).eval(), prepare, where, sees)
