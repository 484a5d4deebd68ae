"""What a text-to-image model is asked to draw when its spatial understanding is tested."""

from __future__ import annotations

from dataclasses import dataclass

AND, SINGLE = "and", "single"
"""Relation words of prompts that ask for no relation."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text that asks for two things in a relation, for two things, or for one (SR2D, SEEDS 3.3).

    Attributes:
        id: the file's own number; its pictures are called "<id>_<k>".
        first, second: what is asked for, in the order of the text; `second` is "" when it asks for one thing.
        relation: as the file words it: "to the left of"; AND or SINGLE where none is asked.
        text: what the model is given.
    """

    id: int
    first: str
    second: str
    relation: str
    text: str

    @property
    def spatial(self) -> bool:
        """Whether it asks for a relation between two things."""
        return self.relation not in (AND, SINGLE) and bool(self.second)


Bad = tuple[tuple[str, str], ...]
"""What could not be read, and why."""
