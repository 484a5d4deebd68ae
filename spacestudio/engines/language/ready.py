"""Why a language model can't be asked as things are set up, told without waking it; "" when nothing stands in the way."""

from __future__ import annotations

from spacestudio.errors import sentence
from spacestudio.settings import settings


def endpoint(model: str = "") -> str:
    """The address, its key and the model's name."""
    from spacestudio.engines.language.endpoint import unready

    problem = unready(settings(), model)
    return str(problem) if problem else ""


def hub(model: str = "") -> str:
    """The Hub's token and the model's name."""
    import huggingface_hub

    if not (model or settings().model_of("hub") or settings().language_model):
        return sentence("Write hub:NAME, or set SPACE_STUDIO_LANGUAGE_MODEL")
    return (
        "" if huggingface_hub.get_token() else sentence("Set HF_TOKEN to a token of yours that may call inference providers")
    )


def transformers(model: str = "") -> str:
    """The model's name or folder."""
    given = model or settings().model_of("transformers")
    return "" if given else sentence("Write transformers:NAME or transformers:FOLDER, or set SPACE_STUDIO_MODELS")
