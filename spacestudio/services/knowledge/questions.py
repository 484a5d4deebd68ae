"""Questions derived from verified pictures, and their check: pairs may be dropped, never added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from spacestudio.domain.qa import QAPair
from spacestudio.domain.sample import Sample
from spacestudio.engines.language.talk import Counts
from spacestudio.errors import FormatError
from spacestudio.formats.folder import read_sample, write_sample
from spacestudio.formats.rows import turn
from spacestudio.services.batch import commented_on, measured_again
from spacestudio.services.comment import Wanted
from spacestudio.services.converse import total
from spacestudio.services.knowledge.pictures import SAMPLES
from spacestudio.services.knowledge.recipe import Made, Row, Work
from spacestudio.services.verify import verify_questions
from spacestudio.store.blobs import MemoryBlobs

TYPES: Mapping[str, str] = {
    "existence": "existence",
    "count": "count",
    "attribute": "attribute",
    "position": "position",
    "relation": "relative position",
    "nearer": "relative position",
    "depth_order": "reasoning",
    "viewpoint": "reasoning",
}
"""Question family -> which of SKG2Data's six kinds (SEEDS 2.2) it is."""


def questions(work: Work, row: Row) -> Made:
    """The pairs of a row's picture, derived from its verified graph."""
    sample = _sample(work, row)
    counts: list[Counts] = []
    if work.recipe.words:
        blobs = MemoryBlobs()
        sample = measured_again(sample, blobs)
        sample = commented_on(sample, Wanted(words=work.recipe.words), work.seed, blobs, counts)
        write_sample(sample, work.folder / SAMPLES)
    pairs = [{"type": TYPES[q.family], **_pair(q)} for q in sample.qa if q.family in TYPES and not q.mark]
    made = {**row, "img": f"{row['img']}/img_0.png", "qa": pairs}
    return Made((made,) if pairs else (), rejected={} if pairs else {"no question": 1}, counts=total(counts))


def _pair(q: QAPair) -> dict[str, Any]:
    question, answer = turn(q)
    return {"question": question, "answer": answer}


def checked(work: Work, row: Row) -> Made:
    """The pairs that hold in the picture measured anew, and that a vision-language model, if asked, does not doubt."""
    blobs = MemoryBlobs()
    sample = measured_again(_sample(work, row), blobs)
    counts: list[Counts] = []
    if work.recipe.check:
        sample = commented_on(sample, Wanted(check=work.recipe.check), work.seed, blobs, counts)
    held = {tuple(_pair(q.pair).values()): q for q in verify_questions(sample)}
    kept, rejected = [], Counter[str]()
    for pair in row["qa"]:
        found = held.get((pair["question"], pair["answer"]))
        if found is None:
            rejected["it was not derived from the graph"] += 1
        elif found.verdict != "true":
            rejected["the graph does not say so"] += 1
        elif found.pair.status in ("rejected", "flagged"):
            rejected["the model doubts it"] += 1
        else:
            kept.append(pair)
    made = {**row, "qa": kept}
    return Made((made,) if kept else (), rejected=dict(rejected), counts=total(counts))


def _sample(work: Work, row: Row) -> Sample:
    name = str(row.get("sample") or "")
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise FormatError(
            f"The row of “{row.get('img')}” names no sample", "rows that the images stage wrote", "Run that stage first"
        )
    return read_sample(work.folder / SAMPLES / name)
