"""A sample told in the words of published formats: style -> questions and answers in grounded text, made when looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spacestudio.domain.grounded import Exchange
from spacestudio.domain.sample import Sample
from spacestudio.registry import Entry, Registry

STYLES: Registry = Registry(
    "style",
    {
        "description": Entry(
            "captions.layers:description", "The picture layer by layer, near to far (SpaceSGG).", "Layered description"
        ),
        "comparison": Entry(
            "captions.comparison:comparison",
            "Which of two is closer, higher up or larger (SpaceSGG).",
            "Comparative questions",
        ),
        "viewpoint": Entry(
            "captions.viewpoint:viewpoint", "What stands where from another side (SpaceSGG).", "Viewpoint conversation"
        ),
        "proximity": Entry(
            "services.proximity_sets:exchanges",
            "How deep, and which of two is closer (Proximity QA).",
            "Proximity questions",
        ),
        "sr4g": Entry(
            "captions.stated:stated", "One caption for each relation in the picture's plane (SR4G).", "Captions of relations"
        ),
    },
)
"""Target: (sample) -> tuple[Exchange, ...], deterministic."""


class Told(Mapping[str, tuple[Exchange, ...]]):
    """The exchanges of one sample by style; each style is made at first sight."""

    def __init__(self, sample: Sample) -> None:
        self._sample, self._made = sample, dict[str, tuple[Exchange, ...]]()

    def __getitem__(self, style: str) -> tuple[Exchange, ...]:
        if style not in STYLES:
            raise KeyError(style)
        if style not in self._made:
            self._made[style] = tuple(STYLES.load(style)(self._sample))
        return self._made[style]

    def __iter__(self) -> Iterator[str]:
        return iter(STYLES)

    def __len__(self) -> int:
        return len(STYLES)


def told(sample: Sample) -> Sample:
    """The sample with its exchanges, as formats need it; a style already worded by a model stays as it is."""
    return sample if sample.exchanges else sample.but(exchanges=Told(sample))


__all__ = ["STYLES", "Entry", "Told", "told"]
