"""A language endpoint on this machine that answers as a test tells it to, misbehaviour included."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from spacestudio.settings import settings

KEY = "sk-test-NEVER-SHOWN-0123456789"


@dataclass
class Answer:
    """One HTTP answer: status, body bytes, headers, seconds before it, and whether the connection is cut in mid-body."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
    cut: bool = False


def said(value: Any, **message: Any) -> Answer:
    """A chat completion whose text is `value`: a string as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    end = message.pop("finish_reason", "stop")
    choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": end}
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    return Answer(json.dumps({"choices": [choice], "usage": usage}).encode())


def failed(status: int, message: str = "no", **headers: str) -> Answer:
    """An HTTP error as such servers word it."""
    return Answer(
        json.dumps({"error": {"message": message}}).encode(), status, {k.replace("_", "-"): v for k, v in headers.items()}
    )


class Server:
    """Answers in turn what it was given; then what `rule` says. `asked` holds each request's body, headers and path."""

    def __init__(self, answers: list[Answer], rule: Callable[[dict[str, Any]], Answer] | None) -> None:
        self.answers, self.rule = answers, rule
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append(json.loads(body))
                outer.headers.append({k.lower(): v for k, v in self.headers.items()})
                outer.paths.append(self.path)
                answer = (
                    outer.answers.pop(0) if outer.answers else outer.rule(outer.asked[-1]) if outer.rule else failed(418)
                )
                time.sleep(answer.wait)
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body) + (1000 if answer.cut else 0)))
                    self.send_header("Content-Type", "application/json")
                    self.end_headers()
                    self.wfile.write(answer.body)
                    if answer.cut:
                        self.close_connection = True
                except OSError:
                    self.close_connection = True

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@contextmanager
def serving(*answers: Answer, rule: Callable[[dict[str, Any]], Answer] | None = None) -> Iterator[Server]:
    """A server while the block runs."""
    server = Server(list(answers), rule)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def environment(url: str, **more: str) -> dict[str, str]:
    """What a person would set to use a server, with short waits."""
    names = {
        "LANGUAGE_URL": url, "LANGUAGE_KEY": KEY, "LANGUAGE_MODEL": "tiny-test", "LANGUAGE_BACKOFF_S": "0.01",
        "LANGUAGE_TIMEOUT_S": "5", **more,
    }  # fmt: skip
    return {f"SPACE_STUDIO_{name}": value for name, value in names.items()} | {"NO_PROXY": "127.0.0.1"}


@contextmanager
def using(monkeypatch: pytest.MonkeyPatch, url: str, **more: str) -> Iterator[None]:
    """The settings of this process name that server."""
    with monkeypatch.context() as patch:
        for name, value in environment(url, **more).items():
            patch.setenv(name, value)
        settings.cache_clear()
        try:
            yield
        finally:
            settings.cache_clear()


def data_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The DATA part of a request."""
    content = body["messages"][1]["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    value: dict[str, Any] = json.loads(text.split("\n\nDATA\n")[1])
    return value


def schema_of(body: Mapping[str, Any]) -> set[str]:
    """The fields of the reply a request wants."""
    content = body["messages"][1]["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    return set(json.loads(text.split("\n\nSCHEMA\n")[1].split("\n\nDATA\n")[0])["properties"])


def kitchen(body: Mapping[str, Any]) -> Answer:
    """A model that behaves: it writes a kitchen."""
    wanted, data = schema_of(body), data_of(body)
    if wanted == {"scenes"}:
        every = ["kitchen", "harbour", "garden", "library", "market"]
        return said({"scenes": [s for s in every if s not in data["already named"]]})
    if wanted == {"objects"}:
        return said({"objects": ["cup", "table", "bowl", "apple", "chair"]})
    if wanted == {"nodes"}:
        nodes = [("table", ["wooden"]), ("cup", ["red"]), ("bowl", ["white"])]
        return said({"nodes": [{"object": o, "attributes": a} for o, a in nodes]})
    if wanted == {"relations"}:
        return said({"relations": [
            {"subject": "cup-1", "relation": "on", "object": "table-1"},
            {"subject": "cup-1", "relation": "on the left of", "object": "bowl-1"},
        ]})  # fmt: skip
    if wanted == {"boxes", "background"}:
        boxes = {"table-1": (0.1, 0.5, 0.8, 0.4), "cup-1": (0.25, 0.36, 0.12, 0.15), "bowl-1": (0.6, 0.36, 0.15, 0.15)}
        rows = [dict(zip(("id", "x", "y", "width", "height"), (i, *box), strict=True)) for i, box in boxes.items()]
        return said({"boxes": rows, "background": "a kitchen wall"})
    return failed(418, f"no rule for {wanted}")
