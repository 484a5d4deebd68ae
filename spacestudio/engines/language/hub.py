"""Language models that the Hugging Face Hub's inference providers run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import huggingface_hub
from huggingface_hub import InferenceClient
from huggingface_hub import errors as hub

from spacestudio.engines.language.endpoint import (
    PLAIN,
    TEMPERATURE,
    content_of,
    refused,
    retry_after,
    unknown,
    wanted_format,
    whole,
)
from spacestudio.engines.language.scenes import ChatScenes
from spacestudio.engines.language.talk import Busy
from spacestudio.engines.progress import tell
from spacestudio.engines.protocols import Message, Reply
from spacestudio.errors import Unavailable
from spacestudio.settings import settings

TOKEN = "Set HF_TOKEN to a token of yours that may call inference providers"  # noqa: S105 (advice, no token)


class HubModel(ChatScenes):
    """A model by its name on the Hub, run by the provider that is set, with HF_TOKEN or the token of `hf auth login`."""

    name = "hub"
    version = f"huggingface_hub {huggingface_hub.__version__}"

    def __init__(self, model: str = "") -> None:
        self.limits = settings()
        self.model = model.strip() or self.limits.model_of(self.name) or self.limits.language_model
        if not self.model or "://" in self.model:
            raise Unavailable(
                "The Hub-hosted language model needs a name" if not self.model else "An address is no model of the Hub",
                "a name on the Hub, such as org/name",
                "Write hub:NAME, or set SPACE_STUDIO_LANGUAGE_MODEL; for an address choose endpoint",
            )
        if not huggingface_hub.get_token():
            raise Unavailable("The Hub-hosted language model needs a token", next_step=TOKEN)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, provider and limits; never the token."""
        provider = self.limits.language_provider
        tokens = self.limits.language_tokens
        return {"model": self.model, "provider": provider, "temperature": TEMPERATURE, "max_tokens": tokens}

    def say(self, messages: Sequence[Message], schema: Mapping[str, Any], seed: int) -> Reply:
        """One reply; a parameter the provider does not take is left out, and from then on where that helped.

        Raises:
            Busy: the provider is busy, fails, is too slow, or sends no chat completion.
            Unavailable: token, model or request is refused, or the Hub is out of reach.
        """
        learnt: set[str] = set()
        while True:
            given = {k: v for k, v in self._parameters(schema, seed).items() if k not in learnt}
            try:
                reply = self._ask([{"role": m.role, "content": content_of(m)} for m in messages], given)
            except hub.HfHubHTTPError as why:
                status = why.response.status_code
                off = unknown(why.response.content, given) if status in (400, 422) else ""
                if not off:
                    raise self._judged(why) from None
                learnt.add(off)
            else:
                PLAIN.update((self.name, self.model, off) for off in learnt)
                return reply

    def _parameters(self, schema: Mapping[str, Any], seed: int) -> dict[str, Any]:
        tokens = self.limits.language_tokens
        every = {**wanted_format(schema), "max_tokens": tokens, "temperature": TEMPERATURE, "seed": seed % 2**31}
        return {k: v for k, v in every.items() if (self.name, self.model, k) not in PLAIN}

    def _ask(self, wire: list[dict[str, Any]], given: Mapping[str, Any]) -> Reply:
        limit = self.limits.language_timeout_s
        provider: Any = self.limits.language_provider
        tell(None, f"Asking {self.model}")
        try:
            with InferenceClient(self.model, provider=provider, timeout=limit) as client:
                made: Any = client.chat_completion(wire, **given)
            choice = made.choices[0]
            text, usage = choice.message.content or "", made.usage
        except hub.HfHubHTTPError:
            raise
        except (hub.InferenceTimeoutError, TimeoutError):
            raise Busy(f"The Hub took longer than {limit:g} s") from None
        except hub.OfflineModeIsEnabled:
            raise Unavailable(
                "HF_HUB_OFFLINE keeps this machine off the Hub", next_step="Unset it, or choose transformers"
            ) from None
        except Exception as why:  # the client raises its transport's errors, of a package that changes between versions
            raise _transport(why, self.limits.language_provider) from None
        told = [whole(getattr(usage, name, None)) for name in ("prompt_tokens", "completion_tokens")]
        end = choice.finish_reason
        return Reply(
            str(text), told[0], told[1], cut=end == "length", refused=refused(choice.message) or end == "content_filter"
        )

    def _judged(self, why: hub.HfHubHTTPError) -> Busy | Unavailable:
        status = why.response.status_code
        if status in (408, 409, 425, 429) or status >= 500:
            return Busy(f"The Hub answered {status}", retry_after(why.response.headers.get("retry-after", "")))
        if status in (401, 403):
            return Unavailable(f"The Hub refused the token ({status})", next_step=TOKEN)
        if status == 402:
            return Unavailable(
                "The Hub asks to be paid for more inference (402)", next_step="Add credit there, or choose endpoint"
            )
        step = "Choose a model that an inference provider runs, or set SPACE_STUDIO_LANGUAGE_PROVIDER"
        return Unavailable(f"The Hub answered {status} for “{self.model}”", next_step=step)


def _transport(why: Exception, provider: str) -> Busy | Unavailable:
    kind = type(why).__name__
    if kind in ("ConnectError", "ProxyError", "ConnectTimeout", "UnsupportedProtocol"):
        return Unavailable("The Hub can't be reached", next_step="Go online, or choose transformers with a folder")
    if isinstance(why, ValueError) and "not supported" in str(why):
        return Unavailable(
            f"The provider “{provider}” does not run this model", next_step="Set SPACE_STUDIO_LANGUAGE_PROVIDER to auto"
        )
    if type(why).__module__.startswith("httpx"):
        return Busy(f"The connection to the Hub broke ({kind})")
    return Busy(f"The Hub sent no chat completion ({kind})")
