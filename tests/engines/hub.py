"""A Hub on this machine that serves one model under many names, and misbehaves as the name says."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REVISION = "1" * 40
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 4096, "pytorch_model.bin": b"a pickle"}


class Hub(ThreadingHTTPServer):
    """What was asked for, and how often."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.asked: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what is tested."""


class Page(BaseHTTPRequestHandler):
    """The few answers `snapshot_download` needs."""

    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        parts = self.path.split("?")[0].strip("/").split("/")
        name = parts[3] if parts[:2] == ["api", "models"] else parts[1]
        if name == "absent":
            return self.answer(404, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        if name == "down":
            return self.answer(500)
        if parts[:2] == ["api", "models"]:
            return self.answer(200, json.dumps(listing(parts)).encode(), Content_Type="application/json")
        if name.startswith("gated"):
            return self.answer(int(name[-3:]), X_Error_Code="GatedRepo", X_Error_Message="Access is restricted")
        return self.file(name, parts[-1])

    def file(self, name: str, file: str) -> None:
        body = FILES[file]
        about = {"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X_Repo_Commit": REVISION, "Accept_Ranges": "bytes"}
        if self.command == "HEAD" or file == "config.json":
            return self.answer(200, body, **about)
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        about |= {"Content_Length": str(len(body) - start)}
        if start:
            about |= {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        for key, value in about.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if name == "breaks":  # half of it, and then nothing however often one asks
            self.wfile.write(b"" if start else body[: len(body) // 2])
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return None
        for at in range(start, len(body), 1 << 17):
            self.wfile.write(body[at : at + (1 << 17)])
            self.wfile.flush()
            time.sleep(0.3 if name.startswith("slow") else 0)
        return None


def listing(parts: list[str]) -> Any:
    """What the Hub says of a model: its revision, or its files."""
    if "tree" in parts:
        return [
            {"type": "file", "path": path, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
            for path, body in FILES.items()
        ]
    siblings = [{"rfilename": path} for path in FILES]
    return {"id": "/".join(parts[2:4]), "sha": REVISION, "siblings": siblings, "private": False, "tags": [], "downloads": 0}


@contextmanager
def hub() -> Iterator[Hub]:
    """A Hub that runs within."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def have(name: str) -> dict[str, Any]:
    """What asking for a model's folder comes to: in a process whose HF_ENDPOINT is the Hub above."""
    from spacestudio.engines.models import Weights
    from spacestudio.engines.progress import Told, listening
    from spacestudio.errors import Cancelled, SpaceStudioError

    told: list[Told] = []

    def hear(one: Told) -> None:
        told.append(one)
        if name == "slow-stopped" and (one.share or 0) > 0.2 and "again" not in sys.argv:
            raise Cancelled("Stopped")

    found: dict[str, Any] = {}
    with listening(hear):
        try:
            folder = Weights("depth-model", "The model", f"nobody/{name}").folder()
            found["files"] = {f.name: f.stat().st_size for f in folder.iterdir()}
        except SpaceStudioError as error:
            found |= {"kind": type(error).__name__, "text": str(error)}
    return found | {"told": sorted({(t.share or 0.0, t.words) for t in told})}


def main() -> None:
    """Ask for each of the models named, all at once, and print what came of it."""
    from concurrent.futures import ThreadPoolExecutor

    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE = 1 << 17  # so that little tells of its progress
    names = sys.argv[1].split(",")
    if "full" in sys.argv:
        import huggingface_hub.file_download as download

        def http_get(url: str, temp_file: Any, **_: Any) -> None:
            with Path("/dev/full").open("wb", buffering=0) as full:
                full.write(b"x")

        download.http_get = http_get
    with ThreadPoolExecutor(len(names)) as pool:
        print(json.dumps(dict(zip(names, pool.map(have, names), strict=True))))


if __name__ == "__main__":
    main()
