"""Scenes to verified sample folders with the built-in engines, against the bare drawing of the same layouts in one run.

    .venv/bin/python benchmarks/synthesis.py

Each scene is imagined by the grammar, laid out by the solver, drawn by the compositor, measured, related, questioned and
written. Verified is a scene in whose picture every asked relation holds by its margin, no object is missing, and nothing
appears that must not. The floor draws the same layouts once and encodes the PNG. 30 scenes; FULL=1 takes 1,000.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.timing import table  # noqa: E402
from spacestudio.engines import IMAGINE  # noqa: E402
from spacestudio.formats.folder import read_sample  # noqa: E402
from spacestudio.formats.pictures import png_bytes  # noqa: E402
from spacestudio.services.batch import measured_again, synthesize_scenes  # noqa: E402
from spacestudio.services.knowledge.pictures import unshown  # noqa: E402

SCENES = 1000 if os.environ.get("FULL") else 30


def main() -> None:
    """Make, verify, draw again, and print."""
    with tempfile.TemporaryDirectory() as temporary:
        start = time.perf_counter()
        report = synthesize_scenes(None, SCENES, Path(temporary), seed=1)
        whole = time.perf_counter() - start
        verified, asked, bare = 0, Counter[str](), 0.0
        compositor = IMAGINE.make("compositor")
        for made in report.samples:
            sample = read_sample(made.folder)
            verified += not unshown(measured_again(sample))
            asked.update(r.verdict for r in sample.verdicts)
            seed = next(run.seed for run in sample.provenance if run.stage == "image") or 0
            start = time.perf_counter()
            png_bytes(compositor.render(sample.layout, None, seed).image)
            bare += time.perf_counter() - start
    count = len(report.samples)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = [
        ("scene to sample folder", f"{count / whole:.2f}", f"{whole / count * 1000:.0f} ms", f"{whole / bare:.1f} x"),
        ("drawing and PNG alone", f"{count / bare:.2f}", f"{bare / count * 1000:.0f} ms", "1"),
    ]
    print(table(f"{count} of {SCENES} scenes, one process", ("", "scenes / s", "each", "ratio"), rows))
    total = sum(asked.values())
    print(f"verified whole: {verified} of {count} ({100 * verified / count:.1f} %)")
    print(f"relations: {asked['true']} of {total} verified, {asked['undecided']} undecided, {asked['false']} failed")
    print(f"failed scenes: {len(report.failed)}; peak memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
