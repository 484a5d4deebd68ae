"""Any OpenAI-compatible endpoint: hosted, or a server of one's own (vLLM, llama.cpp, Ollama, …)."""

from __future__ import annotations

import base64
import functools
import io
import ipaddress
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from PIL import Image as Pictures

from spacestudio.engines.language.scenes import ChatScenes
from spacestudio.engines.language.talk import Busy
from spacestudio.engines.progress import tell
from spacestudio.engines.protocols import Image, Message, Reply
from spacestudio.errors import Unavailable
from spacestudio.settings import Settings, settings

MOST_BYTES = 2_000_000
"""Of a reply; a larger one is cut off by us (ours)."""
SIDE = 1024
"""Longest side of a picture that is sent, px; a larger one is shrunk (ours)."""
PLAIN: set[tuple[str, str, str]] = set()
"""(address, model, parameter) that this process has learnt to leave out, because the server does not know it."""
OPTIONAL = ("response_format", "max_completion_tokens", "max_tokens", "temperature", "seed")


class Endpoint(ChatScenes):
    """A model behind `POST {address}/chat/completions`.

    The key is read from the environment for each request and sent in its Authorization header to the configured address
    alone: redirects are not followed.
    """

    name = "endpoint"
    version = "1"

    def __init__(self, model: str = "") -> None:
        s = settings()
        self.model = model.strip() or s.model_of(self.name) or s.language_model
        if problem := unready(s, self.model):
            raise problem
        self.url = httpx.URL(s.language_url.strip().rstrip("/"))
        self.limits = s

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, host and limits; never the key."""
        return {
            "model": self.model,
            "host": self.url.host,
            "temperature": TEMPERATURE,
            "tokens": self.limits.language_tokens,
        }

    def say(self, messages: Sequence[Message], schema: Mapping[str, Any], seed: int) -> Reply:
        """One reply of the endpoint.

        A parameter the server does not take is left out, and from then on where that helped; structured output among them,
        since the schema stands in the text too.

        Raises:
            Busy: 408, 409, 425, 429 or 5xx; too slow; the connection failed; no chat completion came back.
            Unavailable: the key or the request is refused, or there is nothing at the address.
        """
        learnt: set[str] = set()
        while True:
            body = self._body(messages, schema, seed, learnt)
            status, headers, raw = self._post(body)
            if status in (400, 422) and (off := unknown(raw, body)):
                learnt.add(off)
                continue
            self._judge(status, headers, raw)
            PLAIN.update((str(self.url), self.model, off) for off in learnt)
            return reply_of(raw)

    def _body(self, messages: Sequence[Message], schema: Mapping[str, Any], seed: int, learnt: set[str]) -> dict[str, Any]:
        tokens = self.limits.language_tokens
        extra: dict[str, Any] = {
            **wanted_format(schema), "max_tokens": tokens, "temperature": TEMPERATURE, "seed": seed % 2**31,
        }  # fmt: skip
        learnt = learnt | {p for url, model, p in tuple(PLAIN) if (url, model) == (str(self.url), self.model)}
        if "max_tokens" in learnt:
            extra["max_completion_tokens"] = tokens
        wire = [{"role": m.role, "content": content_of(m)} for m in messages]
        return {"model": self.model, "messages": wire} | {k: v for k, v in extra.items() if k not in learnt}

    def _post(self, body: Mapping[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        key = self.limits.language_key.get_secret_value().strip()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limit = self.limits.language_timeout_s
        end, raw = time.monotonic() + limit, b""
        try:
            with (
                httpx.Client(timeout=limit, follow_redirects=False, headers=headers, verify=_trust()) as client,
                client.stream("POST", f"{self.url}/chat/completions", json=body) as response,
            ):
                for chunk in response.iter_bytes():
                    raw += chunk
                    if len(raw) > MOST_BYTES:
                        raise Busy(f"The endpoint's reply is larger than {MOST_BYTES / 1e6:.0f} MB")
                    if time.monotonic() > end:
                        raise Busy(f"The endpoint took longer than {limit:g} s")
                    tell(None, f"Reading the answer of {self.model}")
                return response.status_code, response.headers, raw
        except httpx.ConnectError:
            raise Unavailable(
                f"Nothing answers at {self.url.host}", next_step="Start the server, or correct SPACE_STUDIO_LANGUAGE_URL"
            ) from None
        except httpx.TimeoutException:
            raise Busy(f"The endpoint took longer than {limit:g} s") from None
        except httpx.HTTPError as why:
            raise Busy(f"The connection to the endpoint broke ({type(why).__name__})") from None

    def _judge(self, status: int, headers: httpx.Headers, raw: bytes) -> None:
        if status == 200:
            return
        if status in (408, 409, 425, 429) or status >= 500:
            raise Busy(f"The endpoint answered {status}", retry_after(headers.get("retry-after", "")))
        if status in (401, 403):
            raise Unavailable(f"The endpoint refused the key ({status})", next_step=KEYS)
        if 300 <= status < 400:
            there = httpx.URL(headers.get("location", "")).host
            raise Unavailable(
                f"The endpoint redirects to “{there}”, which is not followed",
                next_step="Set SPACE_STUDIO_LANGUAGE_URL to it",
            )
        said = self._said(raw)
        step = "Check SPACE_STUDIO_LANGUAGE_URL (it ends in /v1 as a rule) and the model's name"
        raise Unavailable(f"The endpoint answered {status}{f' (“{said}”)' if said else ''}", next_step=step)

    def _said(self, raw: bytes) -> str:
        """The server's own message, one short line, without the key should it stand there."""
        try:
            error = json.loads(raw)["error"]
            text = str(error["message"] if isinstance(error, dict) else error)
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""
        key = self.limits.language_key.get_secret_value().strip()
        text = " ".join((text.replace(key, "…") if key else text).split())
        return text if len(text) <= 160 else f"{text[:159]}…"


TEMPERATURE = 0.7
"""Of all sampling (ours): scenes should differ, JSON should hold."""
KEYS = "Set SPACE_STUDIO_LANGUAGE_KEY to a valid key of that server"


@functools.cache
def _trust() -> ssl.SSLContext:
    """Which certificates are trusted: reading them takes longer than many a request."""
    return httpx.create_ssl_context()


def wanted_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameter that asks for JSON of a schema; none for free text."""
    named = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    return {"response_format": named} if schema else {}


def unknown(raw: bytes, given: Mapping[str, Any]) -> str:
    """The optional parameter a server complains about; structured output where it does not say which; "" for none."""
    said = raw[:20_000].decode("utf-8", "replace")
    named = next((p for p in OPTIONAL if p in said and p in given), "")
    return named or ("response_format" if "response_format" in given else "")


def refused(message: Any) -> bool:
    """Whether a message, as a mapping or an object, says in so many words that the model declined."""
    return bool(message.get("refusal") if isinstance(message, Mapping) else getattr(message, "refusal", None))


def unready(s: Settings, model: str = "") -> Unavailable | None:
    """Why the settings name no usable endpoint."""
    given = s.language_url.strip()
    if not given:
        return Unavailable(
            "No endpoint is set",
            next_step="Set SPACE_STUDIO_LANGUAGE_URL, such as https://host/v1 or http://localhost:11434/v1",
        )
    try:
        url = httpx.URL(given)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        return Unavailable(
            "SPACE_STUDIO_LANGUAGE_URL is no plain address", "https://host/v1, without user, password or query",
            "The key goes into SPACE_STUDIO_LANGUAGE_KEY",
        )  # fmt: skip
    key = s.language_key.get_secret_value().strip()
    if not key and not is_near(url.host):
        return Unavailable(
            f"The endpoint {url.host} needs a key", next_step="Set SPACE_STUDIO_LANGUAGE_KEY, or OPENAI_API_KEY"
        )
    if key and url.scheme == "http" and not is_near(url.host):
        return Unavailable(
            f"A key would travel to {url.host} unprotected", "https, or a server in your own network", "Use https://"
        )
    if not key.isascii() or not key.isprintable():
        return Unavailable("The key holds characters no key has", next_step=KEYS)
    if not (model or s.model_of("endpoint") or s.language_model):
        step = "Set SPACE_STUDIO_LANGUAGE_MODEL, or write endpoint:NAME"
        return Unavailable("The endpoint needs a model's name", next_step=step)
    return None


def is_near(host: str) -> bool:
    """Whether a host is this machine or one in a private network."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".internal", ".localhost"))


def retry_after(text: str) -> float | None:
    """Seconds a Retry-After header asks for, given as seconds or as a date; None when it says nothing readable."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def content_of(message: Message) -> Any:
    """A message as the wire has it: text, or text and a picture as a data address."""
    if message.image is None:
        return message.text
    return [
        {"type": "text", "text": message.text},
        {"type": "image_url", "image_url": {"url": data_url(message.image)}},
    ]


def data_url(image: Image) -> str:
    """An (H, W, 3) uint8 picture as a PNG data address, its longest side at most `SIDE`."""
    picture, buffer = Pictures.fromarray(image), io.BytesIO()
    picture.thumbnail((SIDE, SIDE))
    picture.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def reply_of(raw: bytes) -> Reply:
    """The reply in a chat completion.

    Raises:
        Busy: it is none.
    """
    try:
        value = json.loads(raw.decode("utf-8"))
        choice = value["choices"][0]
        message, usage = choice["message"], value.get("usage") or {}
        text = message.get("content") or ""
        if isinstance(text, list):
            text = "".join(str(part.get("text", "")) for part in text)
        given, made = map(whole, map(usage.get, ("prompt_tokens", "completion_tokens")))
        end = choice.get("finish_reason")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise Busy("The endpoint sent no chat completion") from None
    return Reply(str(text), given, made, cut=end == "length", refused=refused(message) or end == "content_filter")


def whole(value: Any) -> int | None:
    """A count of tokens; None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
