"""What stands between a person and an engine, told without waking it: packages, weights, where it would run."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from spacestudio.registry import ANY, Registry
from spacestudio.settings import settings

HERE, COMES, ELSEWHERE = "on this disk", "downloaded at first use", "elsewhere"


@dataclass(frozen=True)
class Status:
    """How things are with one engine.

    Attributes:
        model: the weights it would use, by name or folder; "" for built-in engines and where none is named.
        weights: "on this disk", "downloaded at first use", or "elsewhere" when another machine has them; else "".
        device: where it would run: "cpu", "cuda", "mps" or "elsewhere"; "" where its packages are missing.
        why_not: in a line, what keeps it from running and what to do; "" when nothing is known to.
    """

    model: str = ""
    weights: str = ""
    device: str = "cpu"
    why_not: str = ""


def status(registry: Registry, name: str) -> Status:
    """How things are with an engine; the Hub is not asked.

    Raises:
        UnknownName: no such engine.
    """
    entry = registry[name]
    why_not = registry.why_not(name)
    if entry.built_in:
        return Status(why_not=why_not)
    bare, chosen = (name.partition(":")[0], registry.split(name)[1])
    model = chosen or settings().model_of(bare) or ("" if entry.model == ANY else entry.model)
    if "torch" not in entry.needs:
        return Status(model, ELSEWHERE, "" if entry.missing() else ELSEWHERE, why_not)
    device = "" if entry.missing() else _device()
    if not model:
        step = f"Name a model: {bare}:NAME or {bare}:FOLDER, or SPACE_STUDIO_MODELS={bare}=NAME."
        return Status("", "", device, why_not or step)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return Status(model, HERE, device, why_not)
    if folder.is_absolute() or model.startswith("."):
        return Status(
            model, "", device, why_not or f"“{model}” is no folder; name one in SPACE_STUDIO_MODELS={bare}=FOLDER."
        )
    if _on_disk(model):
        return Status(model, HERE, device, why_not)
    if not why_not and _offline():
        why_not = f"“{model}” is not on this disk and HF_HUB_OFFLINE is set; unset it, or SPACE_STUDIO_MODELS={bare}=FOLDER."
    return Status(model, COMES, device, why_not)


def _on_disk(model: str) -> bool:
    """Whether the Hub's cache holds weights of a model, "name" or "name@revision"."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return False
    from huggingface_hub import constants

    name, _, revision = model.partition("@")
    kept = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    ref = kept / "refs" / (revision or "main")
    commit = ref.read_text("ascii").strip() if ref.is_file() else revision
    return bool(commit) and any((kept / "snapshots" / commit).rglob("*.safetensors"))


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


@functools.cache
def _device() -> str:
    """Where networks run. PyTorch is woken only where it was built for more than the CPU."""
    if "+cpu" in importlib.metadata.version("torch"):
        return "cpu"
    from spacestudio.engines.models import device

    return device().name
