"""Runs the measured claims: every benchmark in this folder, or those named.

    .venv/bin/python benchmarks/run.py [cloud relations …]

Each is a process of its own with two minutes (`FULL=1`: twenty); one that fails is named and the others still run.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
HELPERS = {"run", "timing"}
LONGEST_S = 1200 if os.environ.get("FULL") else 120


def main(chosen: list[str]) -> int:
    """Run, print each one's table, then one line a benchmark; 1 when any failed."""
    known = sorted(p.stem for p in HERE.glob("*.py") if p.stem not in HELPERS and not p.stem.startswith("_"))
    if unknown := [name for name in chosen if name not in known]:
        print(f"No benchmark is called {', '.join(unknown)}. Known: {', '.join(known)}.", file=sys.stderr)
        return 2
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n", flush=True)
    outcomes = []
    for name in chosen or known:
        start = time.perf_counter()
        try:
            code = subprocess.run([sys.executable, str(HERE / f"{name}.py")], timeout=LONGEST_S, check=False).returncode
            outcome = "done" if code == 0 else f"failed ({code})"
        except subprocess.TimeoutExpired:
            outcome = f"stopped after {LONGEST_S} s"
        outcomes.append((name, outcome, time.perf_counter() - start))
        print(flush=True)
    for name, outcome, seconds in outcomes:
        print(f"{name:24}{outcome:24}{seconds:6.1f} s")
    return int(any(outcome != "done" for _, outcome, _ in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
