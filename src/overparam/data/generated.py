"""The generators by name: what they are called, their options, and how to make what a name asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from overparam.data import clusters, components, synthetic
from overparam.data.dataset import Dataset
from overparam.data.settings import Settings


@dataclass(frozen=True)
class Generator:
    """One family of generated data sets.

    Attributes:
        title: heading.
        defaults: its options with their defaults.
        options: from the text behind the colon to all settings, checked.
        fingerprint: of settings.
        make: the data set of settings.
        classes: the number of classes where it is no option.
    """

    title: str
    defaults: Mapping[str, int | float]
    options: Callable[[str], Any]
    fingerprint: Callable[[Any], str]
    make: Callable[[Any], Dataset]
    classes: int = 2

    def sizes(self, text: str) -> tuple[int, int, int, int]:
        """Features, classes, training rows and test rows of a name with these options."""
        found: Settings = self.options(text)
        classes = int(found.get("classes", self.classes))
        return int(found["d"]), classes, int(found["n"]), int(found["n_test"])


GENERATORS: dict[str, Generator] = {
    **{
        family: Generator(
            title,
            synthetic.DEFAULTS,
            partial(synthetic.options, family),
            partial(synthetic.fingerprint, family),
            partial(synthetic.make, family),
        )
        for family, title in synthetic.TITLES.items()
    },
    "clusters": Generator(
        clusters.TITLE,
        clusters.DEFAULTS,
        clusters.options,
        clusters.fingerprint,
        lambda settings: clusters.draw(settings).data,
    ),
    "components": Generator(
        components.TITLE, components.DEFAULTS, components.options, components.fingerprint, components.make
    ),
}
