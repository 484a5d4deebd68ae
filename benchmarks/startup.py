"""From the command to the first page served: the studio against a Gradio app of one button.

    .venv/bin/python benchmarks/startup.py

Each start is a fresh process on a free port; the clock stops at the first HTTP 200 on /. Both are started in turn in
the same run, warm files, median of 3 (`FULL=1`: 7; fewer on a slow machine). Resident memory is read after the first
page, on Linux.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import ROOT, table

ROUNDS = 7 if os.environ.get("FULL") else 3
LONGEST_S = 90
LONGEST_RUN_S = 600 if os.environ.get("FULL") else 60
TRIVIAL = "import gradio as gr\nwith gr.Blocks() as demo:\n    gr.Button('Hello')\ndemo.launch(ssr_mode=False, quiet=True)\n"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(script: Path, folder: Path) -> tuple[float, float]:
    """Seconds to the first page and resident MB then.

    Raises:
        RuntimeError: it stopped, or served nothing in time.
    """
    port = free_port()
    env = os.environ | {
        "GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1",
        "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(folder), "SPACE_STUDIO_DATA": str(folder / "data"),
    }  # fmt: skip
    begin = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        while time.perf_counter() - begin < LONGEST_S:
            if process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
                    if page.status == 200:
                        return time.perf_counter() - begin, resident_mb(process.pid)
            except OSError:
                time.sleep(0.01)
        raise RuntimeError(f"{script.name} served nothing: {(folder / 'log').read_text(errors='replace')[-500:]}")
    finally:
        process.kill()
        process.wait()


def resident_mb(pid: int) -> float:
    """Resident memory, MB; NaN where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return float("nan")
    return next(float(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def main() -> None:
    """Start both in turn, print medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trivial = folder / "trivial.py"
        trivial.write_text(TRIVIAL)
        scripts = {"spacestudio: app.py": ROOT / "app.py", "Gradio, one button": trivial}
        found: dict[str, list[tuple[float, float]]] = {k: [] for k in scripts}
        begin = time.perf_counter()
        for number in range(ROUNDS + 1):  # the first round warms the files
            if number > 1 and time.perf_counter() - begin > LONGEST_RUN_S:
                break
            for label, script in scripts.items():
                result = start(script, folder)
                if number:
                    found[label].append(result)
    middle = {k: [statistics.median(column) for column in zip(*v, strict=True)] for k, v in found.items()}
    seconds, memory = middle["Gradio, one button"]
    rows = [
        [k, f"{s:.2f} s", f"{s / seconds:.2f} x", f"{mb:.0f} MB", f"{mb / memory:.2f} x"] for k, (s, mb) in middle.items()
    ]
    count = len(found["spacestudio: app.py"])
    print(table(f"Start to first page, median of {count}", ["", "time", "to trivial", "resident", "to trivial"], rows))


if __name__ == "__main__":
    main()
