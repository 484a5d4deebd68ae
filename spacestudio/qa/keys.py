"""Keys of questions: family, what it is about, predicate, frame, asked form; never numbers, answer or row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from spacestudio.relations.naming import clean

OWN = "own:"
"""What the key of a person's own question starts with."""
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def label_slug(label: str) -> str:
    """A label as a part of a key: no colon, short, and still unlike any other label's."""
    text = clean(label).casefold()
    slug = text.replace(":", " ")
    if slug == text and len(text) <= 40:
        return slug
    return f"{slug[:32].strip()}~{hashlib.blake2b(text.encode(), digest_size=6).hexdigest().translate(_LETTERS)}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A key taken apart; `object` is "" where a question is about one thing."""

    family: str
    subject: str
    predicate: str
    object: str
    frame: str
    form: str

    @classmethod
    def of(cls, key: str) -> Asked | None:
        """The parts of a derived question's key; None for a person's own question or anything else."""
        parts = key.split(":")
        if key.startswith(OWN) or len(parts) not in (5, 6):
            return None
        if len(parts) == 5:
            parts.insert(3, "")
        return cls(*parts)

    @property
    def key(self) -> str:
        """The key again."""
        middle = (self.predicate, self.object) if self.object else (self.predicate,)
        return ":".join((self.family, self.subject, *middle, self.frame, self.form))
