"""Files of prompts for text-to-image models as SR2D writes them (SEEDS 3.3), and lists of names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, Field

from spacestudio.domain.prompts import SINGLE, Bad, Prompt
from spacestudio.errors import FormatError
from spacestudio.formats.door import read_bytes, read_json, reason

PROMPTS = 'VISOR\'s prompts, [{"unique_id", "obj_1_attributes", "obj_2_attributes", "rel_type", "text"}, …]'


def write_prompts(prompts: Iterable[Prompt], path: Path) -> int:
    """The published form (two blanks deep, ASCII, no newline at the end); how many were written.

    Raises:
        FormatError: the file can't be written.
    """
    quoted: dict[str, str] = {"": "null"}

    def said(text: str) -> str:
        if text not in quoted:
            quoted[text] = json.dumps(text)
        return quoted[text]

    entries = [
        f'  {{\n    "unique_id": {p.id},\n    "num_objects": {2 if p.second else 1},\n    "obj_1_attributes": [\n'
        f'      {said(p.first)}\n    ],\n    "obj_2_attributes": [\n      {said(p.second)}\n    ],\n'
        f'    "rel_type": {said(p.relation)},\n    "text": {json.dumps(p.text)}\n  }}'
        for p in prompts
    ]
    try:
        path.write_bytes(("[\n" + ",\n".join(entries) + "\n]").encode("ascii"))
    except OSError as problem:
        raise FormatError(f"“{path}” can't be written ({reason(problem)})", next_step="Choose another file") from None
    return len(entries)


class _Asked(BaseModel):
    unique_id: int = Field(ge=0, lt=10**12)
    obj_1_attributes: tuple[str | None, ...] = Field(min_length=1)
    obj_2_attributes: tuple[str | None, ...] = ()
    rel_type: str
    text: str


def read_prompts(path: Path) -> tuple[tuple[Prompt, ...], Bad]:
    """Every prompt of a file in its order, and what could not be read; of two with one id the first is taken.

    Raises:
        FormatError: no such file, or no prompt in it.
    """
    data = read_json(path, FormatError, PROMPTS)
    if not isinstance(data, list):
        raise FormatError(f"“{path.name}” holds no list", PROMPTS)
    prompts: dict[int, Prompt] = {}
    bad = []
    for place, row in enumerate(data):
        try:
            asked = _Asked.model_validate(row)
            first, second = asked.obj_1_attributes[0], next(iter(asked.obj_2_attributes), None)
            if not first or not (second or asked.rel_type == SINGLE):
                raise ValueError("an object has no name")
            if asked.unique_id in prompts:
                raise ValueError(f"the id {asked.unique_id} was given before")
        except ValueError as problem:
            bad.append((f"prompt {place}", reason(problem)))
            continue
        prompts[asked.unique_id] = Prompt(asked.unique_id, first, second or "", asked.rel_type, asked.text)
    if not prompts:
        why = f": {bad[0][0]}: {bad[0][1]}" if bad else ""
        raise FormatError(f"“{path.name}” holds no prompt{why}", PROMPTS)
    return tuple(prompts.values()), tuple(bad)


def read_names(path: Path) -> tuple[str, ...]:
    """Names of objects, one a line or as a JSON list.

    Raises:
        FormatError: no such file, or no name in it.
    """
    accepted = "a name a line, or a JSON list of names"
    raw = read_bytes(path, 1_000_000, FormatError, accepted)
    try:
        text = raw.decode("utf-8-sig")
        rows = json.loads(text) if text.lstrip().startswith("[") else text.splitlines()
    except (ValueError, RecursionError) as problem:
        raise FormatError(f"“{path.name}” can't be read ({reason(problem)})", accepted) from None
    names = tuple(dict.fromkeys(" ".join(row.split()) for row in rows if isinstance(row, str) and row.strip()))
    if not names:
        raise FormatError(f"“{path.name}” holds no name", accepted)
    return names
