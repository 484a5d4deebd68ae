"""Proximity QA (SEEDS 4.4): LLaVA records with the depths behind them, and question sets for models as JSON Lines.

A record is one question about one picture, since type, depths and tie band are its own. The paper's files are not known;
the fields are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from spacestudio.domain.grounded import Exchange
from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError
from spacestudio.formats.door import reason
from spacestudio.formats.format import Row
from spacestudio.formats.llava import PLACEHOLDER
from spacestudio.formats.predictions import Question
from spacestudio.formats.records import Record, clean, floats, rows_in, write_json, write_lines
from spacestudio.formats.rows import image_file, write_image

STYLE = "proximity"
FILE = "proximity.json"
ACCEPTED = "a list of {id, image, conversations: [{from, value}], meta: {objects, depths, polarity, tau, type}}"
POLARITY = "0 nearest, 1 farthest"

Form = Literal["perception", "direct", "reasoned"]
Asked = Literal["depth", "closer", "farther"]
Gold = float | Literal["first", "second", "same"]


class _Turn(Record):
    who: Literal["human", "gpt"] = Field(alias="from")
    value: str


class _Object(Record):
    id: str
    name: str
    box_xyxy_px: tuple[float, float, float, float]
    p10: float
    p90: float
    valid: float


class _Raw(Record):
    kind: Literal["metric", "relative", "disparity"]
    polarity: str
    p1: float
    p99: float
    source: str


class _Meta(Record):
    objects: list[_Object] = Field(min_length=1, max_length=2)
    depths: list[float] = Field(min_length=1, max_length=2)
    polarity: str
    tau: float = Field(ge=0, le=1)
    type: Form
    asked: Asked
    gold: Gold
    raw: _Raw


class _Row(Record):
    id: str
    image: str
    conversations: list[_Turn] = Field(min_length=2)
    meta: _Meta


def _row(sample: Sample, exchange: Exchange) -> Row:
    facts, found = exchange.facts, exchange.facts["found"]
    numbers = [facts["numbers"][i] for i in facts["objects"]]
    objects = [
        {
            "id": i, "name": name, "box_xyxy_px": floats(sample.graph[i].box.xyxy),
            "p10": n["p10"], "p90": n["p90"], "valid": n["valid"],
        }
        for i, name, n in zip(facts["objects"], found["names"], numbers, strict=True)
    ]  # fmt: skip
    meta = {
        "objects": objects, "depths": [n["depth01"] for n in numbers], "polarity": POLARITY,
        "tau": facts["thresholds"]["tau"], "type": found["type"], "asked": found["asked"], "gold": found["gold"],
        "raw": found["raw"],
    }  # fmt: skip
    talk = [
        {"from": "human", "value": PLACEHOLDER + exchange.question.plain},
        {"from": "gpt", "value": exchange.answer.plain},
    ]
    return {"id": record_id(sample.id, exchange), "image": image_file(sample), "conversations": talk, "meta": clean(meta)}


def record_id(item: str, exchange: Exchange) -> str:
    """Of a question, the same whenever it is made again: the picture's id and the question's key without its family."""
    return f"{item}:{exchange.key.partition(':')[2]}"


class Proximity:
    """`proximity.json` beside `images/`; samples without a question are left out."""

    name = "proximity"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """A row a question, in the samples' order."""
        return [_row(s, exchange) for s in samples for exchange in s.exchanges.get(STYLE, ())]

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """The list, and the pictures it names."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = self.rows(samples)
        named = {row["image"] for row in rows}
        return [write_json(rows, folder / FILE), *(write_image(s, folder) for s in samples if image_file(s) in named)]

    def read(self, path: Path) -> list[Row]:
        """The rows of a proximity.json.

        Raises:
            FormatError: no such file, or a row of another shape.
        """
        return rows_in(path, FILE, _Row, ACCEPTED, "records")


FORMAT = Proximity()


# Question sets


class SetObject(Record):
    """An object a question names: what it is called, where it is, and its depth in [0, 1], 0 nearest."""

    id: str = ""
    name: str = Field(min_length=1)
    synonyms: tuple[str, ...] = Field((), max_length=100)
    box_xyxy_px: tuple[float, float, float, float] | None = None
    depth01: float = Field(ge=0, le=1)
    p10: float | None = None
    p90: float | None = None
    valid: float | None = None


class ProximityQuestion(Question):
    """A line of a question set.

    Attributes:
        image: path of the picture below the folder the set was made from.
        type: how it is asked.
        asked: "depth", or which of the two is wanted.
        objects: in the order the question names them.
        gold: the depth, or "first", "second" or "same".
        tau: the tie band.
        pair_id: the same for a question and its twin with the names exchanged.
        swapped: whether it is the twin.
    """

    type: Form
    asked: Asked
    question: str = Field(min_length=1)
    objects: tuple[SetObject, ...] = Field(min_length=1, max_length=2)
    gold: Gold
    answer: str = ""
    tau: float = Field(0.05, ge=0, le=1)
    pair_id: str = ""
    swapped: bool = False
    raw: _Raw | None = None

    @model_validator(mode="after")
    def _fits(self) -> ProximityQuestion:
        about = "one object, a depth in [0, 1]" if self.type == "perception" else "two objects, an order"
        number = isinstance(self.gold, float) and 0 <= self.gold <= 1
        one = len(self.objects) == 1 and self.asked == "depth" and number
        two = len(self.objects) == 2 and self.asked != "depth" and isinstance(self.gold, str)
        if not (one if self.type == "perception" else two):
            raise ValueError(f"a {self.type} question is about {about}")
        return self


def write_questions(rows: Iterable[ProximityQuestion], path: Path) -> Path:
    """A question set; same questions, same bytes.

    Raises:
        FormatError: it can't be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_lines((clean(row.model_dump(mode="json", exclude_none=True)) for row in rows), path)
    except OSError as error:
        raise FormatError(f"“{path}” can't be written ({reason(error)})", next_step="Choose another place") from None
