"""Captions with explicit relations from samples: JSON Lines in SR4G's record (SEEDS 3.2), and the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spacestudio.domain.sample import Sample
from spacestudio.formats.format import Row
from spacestudio.formats.records import floats, rows_in, write_lines
from spacestudio.formats.rows import image_file, write_image
from spacestudio.formats.sr4g import Caption

STYLE = "sr4g"
FILE = "captions.jsonl"
RULE_SET = "graph"
"""What decided the relations: the sample's own graph, corrections included."""
ACCEPTED = "captions.jsonl with image_id, file_name, caption, subject, relation, object, subject_box, object_box"


class Captions:
    """A record a caption; the split is left to whoever puts samples together."""

    name = "sr4g"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """The captions of each sample, boxes x0, y0, x1, y1 px."""
        return [row for s in samples for row in _rows(s)]

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """The records, and the pictures they name."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = self.rows(samples)
        named = {row["file_name"] for row in rows}
        shown = [s for s in samples if image_file(s) in named]
        return [write_lines(rows, folder / FILE), *(write_image(s, folder) for s in shown)]

    def read(self, path: Path) -> list[Row]:
        """The records of a captions.jsonl.

        Raises:
            FormatError: no such file, or a record of another shape.
        """
        return rows_in(path, FILE, Caption, ACCEPTED)


def _rows(sample: Sample) -> list[Row]:
    """In the order of the sample's exchanges."""
    rows = []
    for exchange in sample.exchanges.get(STYLE, ()):
        (relation,), (subject, object_) = exchange.facts["relations"], exchange.answer.mentions
        boxes = [sample.graph[mention.objects[0]].box.xyxy for mention in (subject, object_)]
        rows.append(
            {
                "image_id": sample.id, "file_name": image_file(sample), "caption": exchange.answer.plain,
                "subject": subject.text, "relation": relation["predicate"], "object": object_.text,
                "subject_box": floats(boxes[0]), "object_box": floats(boxes[1]), "rule_set": RULE_SET, "split": "",
            }
        )  # fmt: skip
    return rows


FORMAT = Captions()
