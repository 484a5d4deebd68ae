"""Scoring VISOR's full-size result file, and writing SR2D.

    .venv/bin/python benchmarks/visor.py [--peers DIR]

126,720 results of all 31,680 prompts, made here, as the published script reads them. Ours parses, checks, scores and
breaks down with intervals; the floor parses the same file and does nothing else. A plain loop over the definition must give
the same figures. With --peers, the published `visor.py` and `create_spatial_phrases.py` found in that folder run on the same
input; where `tabulate` is not installed, a stand-in prints their table. In-process times are the processor's, those of whole
processes the clock's. `FULL=1` takes more rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import ROOT, medians, table
from spacestudio.services.prompts import PUBLISHED_NAME, sr2d
from spacestudio.services.scores import SCORERS

ROUNDS = 15 if os.environ.get("FULL") else 5
PUBLISHED = ("OA", "VISOR_cond", "VISOR_uncond", "VISOR_1", "VISOR_2", "VISOR_3", "VISOR_4")
"""In the order of the published table."""
TABULATE = "def tabulate(rows, headers):\n    return '\\n'.join(' '.join(map(str, row)) for row in rows)\n"


def made(path: Path) -> Path:
    """Random results: of each object none, one or two boxes."""
    dice, rows = random.Random(0), {}
    for p in sr2d():
        for k in range(4):
            classes = [n for n in (p.first, p.second) if n and dice.random() < 0.6 for _ in range(dice.choice((1, 1, 2)))]
            rows[f"{p.id}_{k}"] = {
                "classes": classes,
                "centroid": [[round(dice.uniform(0, 512), 3), round(dice.uniform(0, 512), 3)] for _ in classes],
                "recall": len(set(classes)),
                "sra": int(len(set(classes)) == 2 and dice.random() < 0.6),
                "text": p.text,
            }
    path.write_text(json.dumps(rows))
    return path


def loop(path: Path) -> dict[str, float]:
    """The definition, picture by picture."""
    prompts = {p.id: p for p in sr2d()}
    n = shown = 0
    hits: dict[int, int] = {}
    for name, row in json.loads(path.read_bytes()).items():
        p = prompts[int(name.split("_")[0])]
        if p.spatial:
            both = p.first in row["classes"] and p.second in row["classes"]
            n, shown = n + 1, shown + both
            hits[p.id] = hits.get(p.id, 0) + (both and row["sra"])
    good = sum(hits.values())
    out = {"OA": shown / n, "VISOR_cond": good / shown, "VISOR_uncond": good / n}
    out |= {f"VISOR_{k}": sum(h >= k for h in hits.values()) / len(hits) for k in range(1, 5)}
    return {name: round(100 * value, 2) for name, value in out.items()}


def ours(path: Path) -> dict[str, Any]:
    """As `score visor --json` prints it."""
    scorer = SCORERS.load("visor")
    return scorer.json(scorer.score({"detections": path}, {c.name: c.default for c in scorer.choices}))


def process(*arguments: str) -> str:
    """A command of ours as a process of its own."""
    command = [sys.executable, "-m", "spacestudio", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def peer(folder: Path, script: str, work: Path, *arguments: str) -> tuple[float, str]:
    """Seconds of a published script in `work`, and what it printed; or 0 and why it did not run."""
    found = next(iter(sorted(folder.rglob(script))), None)
    if found is None:
        return 0, f"no {script} in {folder}"
    if importlib.util.find_spec("tabulate") is None:
        (work / "tabulate.py").write_text(TABULATE)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(found), *arguments],
        capture_output=True, text=True, check=False, cwd=work, env=os.environ | {"PYTHONPATH": str(work)},
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if done.returncode:
        return 0, (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return seconds, done.stdout


def main() -> None:
    """Makes the file, checks that all agree, times them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", type=Path)
    peers: Path | None = parser.parse_args().peers
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "od").mkdir()
        results = made(work / "od" / f"results_ours_{PUBLISHED_NAME}_owlvit_0.1.json")
        written = work / "ours.json"
        expected, got = loop(results), ours(results)
        assert {figure: got[figure] for figure in PUBLISHED} == expected, (expected, got)
        inside = {
            "score visor: parsed, checked, scored, broken down (in process)": lambda: ours(results),
            "floor: parsed by json (in process)": lambda: json.loads(results.read_bytes()),
            "plain loop over the definition (in process)": lambda: loop(results),
        }
        outside = {
            "score visor --json (whole process)": lambda: process("score", "visor", "--detections", str(results), "--json"),
            "prompts sr2d (whole process)": lambda: process("prompts", "sr2d", "--out", str(written)),
        }
        if importlib.util.find_spec("orjson") is not None:
            import orjson

            inside["floor: parsed by orjson (in process)"] = lambda: orjson.loads(results.read_bytes())
        times = medians(inside, ROUNDS, time.process_time) | medians(outside, ROUNDS)
        notes = []
        if peers:
            seconds, said = peer(peers, "create_spatial_phrases.py", work)
            theirs = work / f"{PUBLISHED_NAME}.json"
            if seconds:
                times["published create_spatial_phrases.py (whole process)"] = seconds
                same = theirs.read_bytes() == written.read_bytes()
                notes.append(f"The published generator's file {'is ours byte for byte' if same else 'differs from ours'}.")
            else:
                notes.append(f"create_spatial_phrases.py did not run: {said}")
                theirs.write_bytes(written.read_bytes())
            seconds, said = peer(peers, "visor.py", work, "--mo", "ours")
            if seconds:
                times["published visor.py (whole process)"] = seconds
                row = next(line.split() for line in said.splitlines() if line.split()[:1] == ["ours"])
                assert [float(v) for v in row[1:8]] == [expected[figure] for figure in PUBLISHED], row
                notes.append("The published scorer prints the same figures.")
            else:
                notes.append(f"visor.py did not run: {said}")
    base, floor = (times[label] for label in list(times)[:2])
    rows = [[label, f"{t:.3f} s", f"{t / base:.2f} x", f"{t / floor:.2f} x"] for label, t in times.items()]
    print(table(f"126,720 results, median of {ROUNDS}", ["", "time", "to ours", "to the floor"], rows))
    print("\n".join(notes))


if __name__ == "__main__":
    main()
