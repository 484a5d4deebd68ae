"""Scoring grounded answers on PSG: 10,000 generated pictures with ten true and ten stated tuples each.

    .venv/bin/python benchmarks/psg.py [--peers DIR]

Ours is the command `score psg`, a whole process from two files to the report with its intervals, by both definitions. The
plain loop reads the same files and does what the published script does, picture by picture and tuple by tuple, over lists;
its recall must be ours as published to the last bit of a count. The floor only parses both files as JSON. With --peers,
the published `eval_psg.py` found in that folder runs too, if torch and torchvision are installed; its language model is
replaced by lower-casing, so its time is a floor.

Medians of rounds in which all take their turn; the peer runs once.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import ROOT, medians, table
from spacestudio.domain.boxes import Box

PICTURES = 10_000
EACH = 10
ROUNDS = 3
LABELS = (
    "person", "car", "dog", "cat", "chair", "couch", "bottle", "cup", "bed", "book", "horse", "cow", "boat", "bus", "train",
    "truck", "laptop", "mouse", "fork", "knife", "spoon", "bowl", "banana", "apple", "orange", "pizza", "donut", "cake",
    "tree-merged", "sky-other-merged", "wall-brick", "floor-wood",
)  # fmt: skip
LONG = ("traffic light", "wine glass")
PREDICATES = (
    "over", "in front of", "beside", "on", "in", "attached to", "hanging from", "holding", "wearing", "looking at", "riding",
    "standing on",
)  # fmt: skip
SPACY = """
class _Word:
    def __init__(self, text): self.lemma_ = text.lower()
def load(name): return lambda text: [_Word(word) for word in text.split()]
"""


def made(folder: Path) -> tuple[Path, Path]:
    """Question and answer files: about half of the true tuples are stated, by boxes that are a little off."""
    rng = np.random.default_rng(0)
    questions, answers = [], []
    for number in range(PICTURES):
        width, height = ((640, 480), (480, 640), (500, 375))[number % 3]
        labels = [str(rng.choice(LABELS)) if rng.random() < 0.96 else str(rng.choice(LONG)) for _ in range(EACH)]
        corner = rng.uniform(0, 0.6, (EACH, 2))
        spans = np.concatenate((corner, corner + rng.uniform(0.1, 0.4, (EACH, 2))), 1) * [width, height, width, height]
        boxes = [[round(float(v), 1) for v in box] for box in spans]
        ends = [rng.choice(EACH, 2, replace=False).tolist() for _ in range(EACH)]
        words = [str(rng.choice(PREDICATES)) for _ in range(EACH)]
        gold = [[labels[s], boxes[s], labels[o], boxes[o], word] for (s, o), word in zip(ends, words, strict=True)]
        size = {"width": width, "height": height}
        questions.append({"question_id": number, "image": f"{number}.jpg", **size, "relation_tuples": gold})
        moved = spans + rng.normal(0, 8, spans.shape)
        quads = [Box.spanning(*box).to_padded_999(width, height) for box in moved.tolist()]
        texts = [json.dumps([[min(max(v, 0), 999) for v in quad]]) for quad in quads]
        names = [label.split("-")[0] for label in labels]
        said = [words[k] if rng.random() < 0.6 else str(rng.choice(PREDICATES)) for k in range(EACH)]
        refs = ", ".join(f"<ref>{name}</ref><box>{text}</box>" for name, text in zip(names, texts, strict=True))
        links = [
            f"it is <pred>{word}</pred><box>{texts[s]}</box><box>{texts[o]}</box>"
            for (s, o), word in zip(ends, said, strict=True)
        ]
        answers.append({"question_id": number, "text": f"{refs}; {', '.join(links)}."})
    paths = folder / "questions.jsonl", folder / "answers.jsonl"
    for path, rows in zip(paths, (questions, answers), strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return paths


def ours(questions: Path, answers: Path, *flags: str) -> dict[str, Any]:
    """What the command prints."""
    command = [sys.executable, "-m", "spacestudio", "score", "psg", "--questions", str(questions), "--answers", str(answers)]
    done = subprocess.run([*command, *flags, "--json"], capture_output=True, text=True, check=True, cwd=ROOT)
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def parsed(questions: Path, answers: Path) -> tuple[list[Any], list[Any]]:
    """Both files as JSON."""
    asked, said = ([json.loads(line) for line in path.read_text().splitlines()] for path in (questions, answers))
    return asked, said


TAG = re.compile(r"<(ref|pred|box)>(.*?)</\1>")


def loop(questions: Path, answers: Path) -> tuple[int, int]:
    """True tuples found and there, one after the other."""
    asked, said = parsed(questions, answers)
    by_id = {row["question_id"]: row for row in asked}
    found = there = 0
    for answer in said:
        question = by_id[answer["question_id"]]
        stated = plain_tuples(answer["text"], question["width"], question["height"])
        for subject, one, object_, other, predicate in question["relation_tuples"]:
            there += 1
            for names, box, others, beside, word in stated:
                if (
                    word == predicate
                    and subject.split("-")[0] in names
                    and object_.split("-")[0] in others
                    and overlap(box, one) >= 0.5
                    and overlap(beside, other) >= 0.5
                ):
                    found += 1
                    break
    return found, there


def plain_tuples(text: str, width: int, height: int) -> list[tuple[Any, ...]]:
    """Words and boxes in px of what a text states."""
    names: dict[str, list[str]] = {}
    boxes: dict[str, list[list[list[int]]]] = {}
    kind = word = ""
    for tag, inside in TAG.findall(text):
        if tag != "box":
            kind, word = tag, inside
        elif kind == "ref":
            for box in json.loads(inside):
                names.setdefault(json.dumps(box), []).extend(word.lower().split())
        else:
            boxes.setdefault(word, []).append(json.loads(inside))
    side = max(width, height)
    dx, dy = (side - width) // 2, (side - height) // 2

    def px(box: list[int]) -> tuple[float, float, float, float]:
        a, b, c, d = (v / 999 * side for v in box)
        return a - dx, b - dy, c - dx, d - dy

    return [
        (names.get(json.dumps(s), []), px(s), names.get(json.dumps(o), []), px(o), predicate)
        for predicate, lists in boxes.items()
        for subjects, objects in zip(lists[::2], lists[1::2], strict=False)
        for s, o in zip(subjects, objects, strict=False)
    ]


def overlap(a: Any, b: Any) -> float:
    """Intersection over union of two boxes."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def peer(folder: Path, questions: Path, answers: Path, work: Path) -> tuple[float, str]:
    """Seconds of the published script and its line of recall; or 0 and why it did not run."""
    script = next(iter(sorted(folder.rglob("eval_psg.py"))), None)
    if script is None:
        return 0, f"no eval_psg.py in {folder}"
    if missing := [name for name in ("torch", "torchvision") if importlib.util.find_spec(name) is None]:
        return 0, f"it needs {' and '.join(missing)}"
    (work / "spacy.py").write_text(SPACY)
    (work / "synonyms.txt").write_text("person\n")
    command = [sys.executable, str(script), "--question-file", str(questions), "--result-file", str(answers)]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--synonyms-file", str(work / "synonyms.txt")],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(work)},
    )  # fmt: skip
    seconds = time.perf_counter() - start
    line = next((row for row in done.stdout.splitlines() if row.startswith("Recall: ")), "")
    return (
        (seconds, line) if line else (0, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it said nothing")
    )


def main() -> None:
    """Makes the files, checks that all agree, times them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", type=Path)
    peers: Path | None = parser.parse_args().peers
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        paths = made(work)
        shown, exact = ours(*paths, "--as-published"), ours(*paths)
        found, there = loop(*paths)
        assert (shown["n_found"], shown["n_tuples"]) == (found, there), (shown["n_found"], found)
        times = medians(
            {
                "score psg, corrected (whole process)": lambda: ours(*paths),
                "score psg --as-published (whole process)": lambda: ours(*paths, "--as-published"),
                "plain loop, as published (in process)": lambda: loop(*paths),
                "floor: both files parsed as JSON (in process)": lambda: parsed(*paths),
            },
            ROUNDS,
        )
        recalls = [f"{exact['recall']:.2f} %", f"{shown['recall']:.2f} %", f"{100 * found / there:.2f} %", "–"]
        if peers:
            seconds, said = peer(peers, *paths, work)
            label = "published script, its language model lower-cases (whole process)"
            times |= {label: seconds} if seconds else {f"published script did not run: {said}": float("nan")}
            recalls.append(said.removeprefix("Recall: ") + " %" if seconds else "–")
    base = times["score psg, corrected (whole process)"]
    rows = [
        [what, f"{t:.2f} s", f"{PICTURES / t:,.0f}/s", recall, f"{t / base:.2f} x"]
        for (what, t), recall in zip(times.items(), recalls, strict=True)
    ]
    title = f"{PICTURES} pictures, {EACH} true and {EACH} stated tuples each, median of {ROUNDS}"
    print(table(title, ["", "time", "pictures", "recall", "to ours"], rows))


if __name__ == "__main__":
    main()
