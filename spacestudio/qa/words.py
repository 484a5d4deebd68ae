"""What questions call things. Captions call them the same, so it lies below both rooms, in `relations.naming`."""

from __future__ import annotations

from spacestudio.relations.naming import (
    COCO,
    Name,
    Names,
    a,
    attributes_of,
    clean,
    excluded,
    is_plural,
    is_uncounted,
    kind_of,
    label_of,
    listing,
    plural,
)

__all__ = [
    "COCO", "Name", "Names", "a", "attributes_of", "clean", "excluded", "is_plural", "is_uncounted", "kind_of", "label_of",
    "listing", "plural",
]  # fmt: skip
