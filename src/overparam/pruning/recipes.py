"""Published procedures under their names: what exactly each of them does, and in what they differ."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

from overparam.core.checked import shown
from overparam.core.errors import UsageError, unknown
from overparam.core.pairs import CHANNELS
from overparam.models.frankle import frankle
from overparam.models.network import Network
from overparam.pruning.edge_popup import edge_popup
from overparam.pruning.rounds import Arm
from overparam.training import Recipe


@dataclass(frozen=True)
class Setting:
    """How one network is trained and pruned.

    Attributes:
        learning_rate: step size.
        steps: steps of a round.
        rates: share of the kept weights that a round leaves, by layer.
    """

    learning_rate: float
    steps: int
    rates: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Variant:
    """A published procedure.

    Attributes:
        name: its name.
        source: where it is from.
        optimizer: ``adam`` or ``sgd``.
        momentum: of ``sgd``.
        weight_decay: coefficient of the penalty.
        schedule: of the learning rate.
        batch: examples a minibatch.
        init: law of the initial weights, a name in :func:`overparam.models.initialisation`.
        bias: whether layers have biases.
        settings: by network.
        rounds: how often is pruned; 0 where a mask is learned.
        scope: ``layer`` or ``global``.
        leave: layers that are never pruned.
        criterion: which weights are kept.
        mask1: what kept weights start a round with.
        data: what is done to the data.
        notes: in what it differs from what goes by a similar name.
        learned: whether a mask is learned over weights that are not trained.
    """

    name: str
    source: str
    optimizer: str
    momentum: float
    weight_decay: float
    schedule: str
    batch: int
    init: str
    bias: bool
    settings: Mapping[str, Setting] = field(hash=False)
    rounds: int
    scope: str
    leave: tuple[str, ...]
    criterion: str
    mask1: str
    data: str
    notes: str
    learned: bool = False

    def network(self, name: str = "fc", *, density: float | None = None) -> Network:
        """The network of that name.

        Args:
            name: ``fc``: 784-300-100-10; ``conv2``, ``conv4``, ``conv6``: 3x3 convolutions on images of 32x32x3 in pairs
                with pooling behind each, and dense layers 256-256-10.
            density: the share that is kept, where a mask is learned; None: 0.3.

        Raises:
            UsageError: the procedure has no network of that name, or a density where it prunes in rounds.

        >>> from overparam.core.pairs import NETWORKS
        >>> from overparam.pruning.mask import Mask
        >>> [Mask.full(variant("zhou2019").network(name)).total for name in NETWORKS]
        [266200, 4300992, 2425024, 2261184]
        """
        self._setting(name)
        if density is not None and not self.learned:
            raise UsageError(
                f"density: expected none for variant '{self.name}', which prunes in rounds, got {shown(density)}. Leave it out; "
                "its arm(...) says what a round keeps."
            )
        shape = (32, 32, 3) if name in CHANNELS else (28, 28)
        plain = frankle(name, shape, 10, init=self.init, bias=self.bias)
        return edge_popup(plain, _KEPT if density is None else density) if self.learned else plain

    def recipe(self, name: str = "fc", *, probes: int = 11) -> Recipe:
        """How one round of that network is trained.

        Args:
            name: the network.
            probes: number of times at which is measured.

        Raises:
            UsageError: the procedure has no network of that name.
        """
        own = self._setting(name)
        return Recipe(
            own.steps,
            own.learning_rate,
            optimizer=self.optimizer,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
            batch=self.batch,
            probes=probes,
        )

    def arm(self, name: str = "fc") -> Arm:
        """How that network is pruned, for :func:`~overparam.pruning.iterative.iterate`.

        Args:
            name: the network.

        Raises:
            UsageError: the procedure has no network of that name, or learns a mask instead.

        >>> variant("zhou2019").arm("conv6").rates
        {'conv*': 0.85, 'hidden*': 0.8, 'output': 0.9}
        """
        own = self._setting(name)
        if self.learned:
            raise UsageError(
                f"variant '{self.name}': expected a procedure in rounds, got one that learns a mask. Train its network(...) "
                "with its recipe(...)."
            )
        return Arm(self.name, self.criterion, 0.8, self.scope, dict(own.rates), self.leave, self.mask1)

    def steps(self, name: str = "fc") -> int:
        """Steps of a whole search of that network: those of a round, times rounds and the dense run.

        Args:
            name: the network.

        Raises:
            UsageError: the procedure has no network of that name.

        >>> variant("zhou2019").steps("fc")
        1259500
        """
        return self._setting(name).steps * (self.rounds + 1)

    def _setting(self, name: str) -> Setting:
        if not isinstance(name, str) or name not in self.settings:
            raise unknown("network", name, self.settings)
        return self.settings[name]

    def __str__(self) -> str:
        """All of it in lines of text."""
        rows = [
            ("source", self.source),
            ("optimizer", _optimizer(self)),
            ("batch", str(self.batch)),
            ("initial weights", f"{self.init}, {'biases' if self.bias else 'no biases'}"),
            ("data", self.data),
        ]
        if self.learned:
            rows.append(("mask", "learned over weights that are not trained: overparam.pruning.edge_popup"))
        else:
            never = f"; never {', '.join(self.leave)}" if self.leave else ""
            rows += [
                ("pruned", f"{self.rounds} rounds by {self.criterion}, {_SCOPES[self.scope]}{never}"),
                ("then", f"{self.mask1}; pruned weights are 0"),
            ]
        for name, own in self.settings.items():
            kept = ", ".join(f"{layer} {rate:g}" for layer, rate in own.rates.items())
            kept = f", a round keeps {kept or '0.8'}" if not self.learned else ""
            rows.append((name, f"learning rate {own.learning_rate:g}, {own.steps:,} steps{kept}"))
        rows.append(("differs", self.notes))
        wide = max(len(word) for word, _ in rows) + 2
        lines = [self.name]
        for word, text in rows:
            wrapped = textwrap.wrap(text, 108 - wide)
            lines += [f"  {word if i == 0 else '':<{wide}}{line}" for i, line in enumerate(wrapped)]
        return "\n".join(lines)


_KEPT = 0.3  # share of the weights that a learned mask keeps, unless another is asked for
_SCOPES = {
    "layer": "every layer by itself",
    "global": "all layers together",
    "even": "all layers to one density",
}


def _optimizer(one: Variant) -> str:
    parts = [one.optimizer, f"momentum {one.momentum:g}" if one.momentum else ""]
    parts += [f"weight decay {one.weight_decay:g}" if one.weight_decay else "", f"{one.schedule} learning rate"]
    return ", ".join(part for part in parts if part)


def _layers(conv: float) -> dict[str, float]:
    return {"conv*": conv, "hidden*": 0.8, "output": 0.9}


_FC = {"hidden*": 0.8, "output": 0.9}
_ADAM = {
    "fc": Setting(1.2e-3, 50_380, _FC),
    "conv2": Setting(2e-4, 20_250, _layers(0.9)),
    "conv4": Setting(3e-4, 25_500, _layers(0.9)),
    "conv6": Setting(3e-4, 30_000, _layers(0.85)),
}
_PAPER = {
    "fc": Setting(1.2e-3, 50_000, _FC),
    "conv2": Setting(2e-4, 20_000, _layers(0.9)),
    "conv4": Setting(3e-4, 25_000, _layers(0.9)),
    "conv6": Setting(3e-4, 30_000, _layers(0.85)),
}

VARIANTS: Mapping[str, Variant] = {
    one.name: one
    for one in (
        Variant(
            "zhou2019",
            "Zhou, Lan, Liu and Yosinski, Deconstructing lottery tickets, NeurIPS 2019, and its code",
            *("adam", 0.0, 0.0, "constant", 60, "glorot_normal", True),
            _ADAM,
            *(24, "layer", (), "large_final", "rewind"),
            "pixels over 255 and nothing else; 5,000 training images drawn for validation",
            "The output layer is pruned at half the rate. 'reinit' permutes the initial weights of a layer, it does not draw "
            "new ones. Biases are never pruned. Glorot's normal law is cut at two standard deviations, as in Keras. The code "
            "draws ties and the random criterion without a seed.",
        ),
        Variant(
            "frankle2019",
            "Frankle and Carbin, The lottery ticket hypothesis, ICLR 2019, figure 2 (steps and rates recalled)",
            *("adam", 0.0, 0.0, "constant", 60, "glorot_normal", True),
            _PAPER,
            *(24, "layer", (), "large_final", "rewind"),
            "pixels over 255; 5,000 training images for validation",
            "The paper says Adam at 1.2e-3; the code published by its first author's employer uses gradient descent at 0.1: "
            "see google-lth. Its reinitialised arm draws new weights, unlike 'reinit' of zhou2019.",
        ),
        Variant(
            "google-lth",
            "google-research/lottery-ticket-hypothesis, the code (minibatch recalled)",
            *("sgd", 0.0, 0.0, "constant", 60, "glorot_normal", True),
            {"fc": Setting(0.1, 50_000, _FC)},
            *(30, "layer", (), "large_final", "rewind"),
            "pixels over 255",
            "Plain gradient descent at 0.1, where the paper has Adam at 1.2e-3: users ask which is meant. 30 rounds.",
        ),
        Variant(
            "open-lth",
            "facebookresearch/open_lth, the defaults of mnist_lenet_300_100",
            *("sgd", 0.0, 0.0, "constant", 128, "he", True),
            {"fc": Setting(0.1, 18_760)},
            *(20, "global", ("output",), "large_final", "rewind"),
            "pixels minus 0.1307, over 0.3081",
            "Layers compete, and the output layer is never pruned. Its code counts the layers that it leaves alone in the "
            "quota and prunes one weight too many besides ties; here 20 % of the weights that compete go, exactly. Its biases "
            "start at the default of PyTorch, here at 0. The number of rounds is the user's; 20 is ours.",
        ),
        Variant(
            "ramanujan2020",
            "Ramanujan et al., What's hidden in a randomly weighted neural network?, CVPR 2020, and its code",
            *("sgd", 0.9, 1e-4, "cosine", 128, "he", False),
            {"fc": Setting(0.1, 46_800), **{name: Setting(0.1, 39_000) for name in CHANNELS}},
            *(0, "layer", (), "edge_popup", "signed constant"),
            "crops and flips on CIFAR-10",
            "Weights are never trained: sign times sqrt(2 / (density fan_in)). Weight decay acts on the scores. There are no "
            "biases; dense layers are convolutions of one tap there, which is the same. Its argument prune_rate is the share "
            "kept in one place and the share removed in another: here there is one density.",
            learned=True,
        ),
    )
}


def variant(name: str) -> Variant:
    """The published procedure of that name; ``print`` shows all of it.

    Args:
        name: ``zhou2019``, ``frankle2019``, ``google-lth``, ``open-lth`` or ``ramanujan2020``.

    Raises:
        UsageError: no procedure has that name.

    >>> print(variant("google-lth"))  # doctest: +ELLIPSIS
    google-lth
      source           google-research/lottery-ticket-hypothesis, the code (minibatch recalled)
      optimizer        sgd, constant learning rate
      batch            60
      initial weights  glorot_normal, biases
      data             pixels over 255
      pruned           30 rounds by large_final, every layer by itself
      then             rewind; pruned weights are 0
      fc               learning rate 0.1, 50,000 steps, a round keeps hidden* 0.8, output 0.9
      differs          Plain gradient descent at 0.1, where the paper has Adam at 1.2e-3: ...
    """
    if not isinstance(name, str) or name not in VARIANTS:
        raise unknown("variant", name, VARIANTS)
    return VARIANTS[name]
