"""What a language model replied, read as JSON: never run, never guessed; mended only where one reading is possible."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

T = TypeVar("T", bound=BaseModel)
MOST = 100_000
"""Characters of a reply that are looked at (ours)."""
STARTS = 32
"""Places at which JSON may begin that are tried (ours)."""
_OPENS = re.compile(r"[{\[]")


class Unread(ValueError):
    """A reply that can't be used: `why` in one word for the count, and the sentence the model is told."""

    def __init__(self, why: str, words: str) -> None:
        self.why = why
        super().__init__(words)


class Read(NamedTuple):
    """A JSON value found in a text, and whether it had to be mended."""

    value: Any
    mended: bool


def read(text: str, schema: type[T]) -> tuple[T, bool]:
    """The one value of that schema in a reply, and whether it had to be mended.

    Prose, code fences and thoughts around it are passed over. Mended are commas before a closing bracket, a list given where
    an object of that one list is wanted, and a cut-off end: what was completely said is kept.

    Raises:
        Unread: no JSON, none that fits the schema, or several that differ.
    """
    found = list(_values(text[:MOST]))
    if not found:
        raise Unread("no JSON", "There is no JSON in your answer")
    fits: list[tuple[T, bool]] = []
    problem = ""
    for one in found:
        try:
            fits.append(_fitted(one, schema))
        except ValidationError as error:
            problem = problem or _first(error)
    if not fits:
        raise Unread("wrong schema", problem)
    if any(value != fits[0][0] for value, _ in fits):
        raise Unread("several answers", "Your answer holds several JSON values that differ")
    return next((fit for fit in fits if not fit[1]), fits[0])


def _fitted(one: Read, schema: type[T]) -> tuple[T, bool]:
    fields = list(schema.model_fields)
    if isinstance(one.value, list) and len(fields) == 1:
        return schema.model_validate({fields[0]: one.value}, strict=False), True
    return schema.model_validate(one.value), one.mended


def _first(error: ValidationError) -> str:
    """The first thing wrong, without quoting the value."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _values(text: str) -> Iterator[Read]:
    """The outermost JSON objects and lists of a text, in order; of fenced blocks only, where one holds any."""
    text = re.sub(r"<think>.*?(</think>|\Z)", " ", text, flags=re.DOTALL)
    fenced = re.findall(r"```[\w-]*\s*\n(.*?)(?:```|\Z)", text, re.DOTALL)
    for part in fenced if any(map(_OPENS.search, fenced)) else [text]:
        yield from _outermost(part)


def _outermost(text: str) -> Iterator[Read]:
    at = 0
    for _ in range(STARTS):
        start = _OPENS.search(text, at)
        if start is None:
            return
        end, cut = _bounds(text, start.start())
        try:
            found = _parsed(text[start.start() : end] if end else cut)
            yield found if end else Read(found.value, True)
        except (ValueError, RecursionError):
            at = end or start.end()
        else:
            at = end or len(text)


def _bounds(text: str, start: int) -> tuple[int, str]:
    """Where the bracket opened at `start` is closed; else 0, and the text closed after the outer list's last whole part."""
    stack, quoted, escaped, last = "", False, False, (start, "")
    for k in range(start, len(text)):
        c = text[k]
        if quoted:
            quoted, escaped = (escaped or c != '"'), (c == "\\" and not escaped)
        elif c == '"':
            quoted = True
        elif c in "{[":
            stack += c
        elif c in "}]":
            stack = stack[:-1]
            if not stack:
                return k + 1, ""
        if not quoted and c in ',"}]' and stack.endswith("[") and stack.count("[") == 1:
            last = (k if c == "," else k + 1), stack
    return 0, text[start : last[0]] + "".join("}" if b == "{" else "]" for b in reversed(last[1]))


def _parsed(piece: str) -> Read:
    try:
        return Read(_strict(piece), False)
    except ValueError:
        return Read(_strict(_without_commas(piece)), True)


def _without_commas(text: str) -> str:
    """Without commas right before a closing bracket; what stands in strings is left alone."""
    return re.sub(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', lambda m: m[1] or "", text)


def _strict(text: str) -> Any:
    """JSON as the standard has it: no NaN, no key twice."""
    return json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value
