"""What every reader at the door shares: bytes with a limit, JSON, and reasons in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spacestudio.errors import InputError

MAX_JSON_MB = 512
"""Largest JSON file read; COCO's largest has 448 MB."""


def read_bytes(source: Path | bytes, limit: int, error: type[InputError], accepted: str, name: str = "") -> bytes:
    """The bytes of a file, at most `limit` of them.

    Raises:
        InputError: `error`, when there is no such file, it is empty or too large.
    """
    called = f"“{name or (source.name if isinstance(source, Path) else 'this file')}”"
    if isinstance(source, Path):
        try:
            size = source.stat().st_size
            if source.is_file() and size <= limit:
                source = source.read_bytes()
        except (OSError, ValueError) as problem:
            raise error(f"{called} can't be opened ({reason(problem)})", accepted, "Check the path") from None
    if isinstance(source, Path):
        if not source.is_file():
            raise error(f"{called} is a folder, not a file", accepted)
        raise error(f"{called} has {size / 1e6:.0f} MB", f"at most {limit / 1e6:.0f} MB")
    if not source:
        raise error(f"{called} is empty", accepted, "Send the whole file")
    if len(source) > limit:
        raise error(f"{called} has {len(source) / 1e6:.0f} MB", f"at most {limit / 1e6:.0f} MB")
    return source


def read_json(path: Path, error: type[InputError], accepted: str, finite: bool = False) -> Any:
    """The value of a UTF-8 JSON file, or the list of values of a JSON Lines file.

    Args:
        path: the file.
        error: what to raise.
        accepted: what it says is accepted.
        finite: refuse NaN and Infinity, which are no JSON; else they are values that a schema may refuse.

    Raises:
        InputError: `error`, when it can't be read.
    """
    raw = read_bytes(path, MAX_JSON_MB * 1_000_000, error, accepted)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise error(f"“{path.name}” is no UTF-8 text", accepted) from None
    constants = _refuse if finite else None
    try:
        return json.loads(text, parse_constant=constants)
    except (ValueError, RecursionError) as problem:
        if path.suffix == ".jsonl" or ("\n" in text.strip() and text.lstrip().startswith("{")):
            try:
                return [json.loads(line, parse_constant=constants) for line in text.splitlines() if line.strip()]
            except (ValueError, RecursionError):
                pass
        raise error(f"“{path.name}” is no valid JSON ({reason(problem)})", accepted, "Export it again") from None


def below(folder: Path, name: str) -> Path | None:
    """Where a file of that name lies below a folder, links followed; None when the name leads out of it, or is none."""
    try:
        found = folder / name
        inside = bool(name) and found.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a NUL in the name, a ring of links
        return None
    return found if inside else None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number JSON knows")


def reason(problem: BaseException) -> str:
    """Why, in a few words on one line."""
    if isinstance(problem, ValidationError):
        first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = _PLAIN.get(first["type"]) or str(first["msg"])
        return f"{place}: {said}" if place else said
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    text = " ".join(str(problem).split()).rstrip(".")
    return (text[:160] if text else type(problem).__name__) or type(problem).__name__


_PLAIN = {
    "model_type": "an object {…} is needed here",
    "model_attributes_type": "an object {…} is needed here",
    "dict_type": "an object {…} is needed here",
    "list_type": "a list […] is needed here",
    "tuple_type": "a list […] is needed here",
    "missing": "it is missing",
}
"""Kinds of validation errors whose own words speak of Python."""


def counted(number: int, noun: str) -> str:
    """ "1 box", "3 boxes"."""
    plural = f"{noun}es" if noun.endswith(("x", "s", "sh", "ch")) else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
