"""Captions -> a sheet for people to judge, balanced over relations."""

from __future__ import annotations

import heapq
from pathlib import Path

import numpy as np

from spacestudio.captions.sampling import even
from spacestudio.domain.dice import number
from spacestudio.errors import InputError
from spacestudio.formats.door import reason
from spacestudio.formats.sheet import write_sheet
from spacestudio.formats.sr4g import Caption, read_captions


def sheet(captions: Path, out: Path, count: int, pictures: Path | None = None, seed: int = 0) -> dict[str, int]:
    """Write `count` captions to a .csv or .html sheet, as many of each relation as there are; how many of each.

    Drawn by hash in one reading: of a relation those with the lowest numbers, so nothing but those is held.

    Args:
        captions: .parquet, .jsonl or folder, as `services.captions.draw` writes them.
        out: the sheet.
        count: of captions.
        pictures: folder of the pictures.
        seed: of the draw and of the order.

    Raises:
        InputError: no captions, or the sheet can't be written.
    """
    lowest: dict[str, list[tuple[int, int, Caption]]] = {}
    for place, caption in enumerate(read_captions(captions)):
        heap = lowest.setdefault(caption.relation, [])
        entry = -number(seed, "sheet", str(place)), place, caption
        if len(heap) < count:
            heapq.heappush(heap, entry)
        elif entry > heap[0]:
            heapq.heapreplace(heap, entry)
    if not lowest:
        raise InputError(f"“{captions.name}” holds no captions", next_step="Draw some first")
    sizes = even(np.array([len(heap) for heap in lowest.values()]), count).tolist()
    drawn = {name: sorted(heap, reverse=True)[:size] for (name, heap), size in zip(lowest.items(), sizes, strict=True)}
    chosen = sorted((entry for entries in drawn.values() for entry in entries), reverse=True)
    try:
        write_sheet([caption for _, _, caption in chosen], out, pictures)
    except OSError as error:
        raise InputError(f"“{out}” can't be written ({reason(error)})", next_step="Choose another place") from None
    return {name: len(entries) for name, entries in drawn.items()}
