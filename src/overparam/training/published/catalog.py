"""Which published settings there are, and the look-up by name."""

from __future__ import annotations

from collections.abc import Mapping

from overparam.core.errors import UsageError, unknown
from overparam.training.published.descent import DESCENT
from overparam.training.published.fitting import FITTING
from overparam.training.published.masks import MASKS
from overparam.training.published.setting import Published
from overparam.training.published.theorems import THEOREMS
from overparam.training.published.tickets import TICKETS

RECIPES: Mapping[str, Published] = {one.name: one for one in (*FITTING, *DESCENT, *TICKETS, *MASKS, *THEOREMS)}
"""Published settings by name; those that are confused with each other stand together."""

WITHOUT = (
    "Livni, Shalev-Shwartz and Shamir 2014", "Li, Soltanolkotabi and Oymak 2019 (figure 1)",
    "Wu and Zhu 2017", "Morcos et al. 2019", "Zhou, Ge and Jin 2021", "Allen-Zhu and Li 2020 (feature correction)",
    "Nakkiran et al. 2020 (transformer)",
)  # fmt: skip
"""Sources of which no learning rate is known here, not even its rule, and which have no recipe therefore."""


def find(name: str) -> Published:
    """The published setting of that name.

    Args:
        name: such as ``lottery-conv2``; see ``RECIPES``, or ``overparam ls --recipes``.

    Raises:
        UsageError: no setting has that name; the text names the nearest.

    >>> find("lottery-conv2").recipe().learning_rate, find("lottery-conv6").recipe().learning_rate
    (0.0002, 0.0003)
    """
    if not isinstance(name, str) or name not in RECIPES:
        near = [one for one in RECIPES if isinstance(name, str) and name and one.startswith(name.lower())]
        if near:
            raise UsageError(
                f"unknown recipe '{name}'. Those that begin so: {', '.join(near)}. Give the whole name."
            )
        raise unknown("recipe", name, RECIPES, "See `overparam ls --recipes`.")
    return RECIPES[name]
