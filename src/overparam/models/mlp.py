"""Multi-layer perceptrons: dense layers with an activation between them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

from jaxtyping import Float, PRNGKeyArray

from overparam.models.activations import activation as activation_of
from overparam.models.form import DenseForm
from overparam.models.initialisations import initialisation
from overparam.models.network import (
    AnyArray,
    Inputs,
    Network,
    Outputs,
    PyTree,
    check_flag,
    check_gain,
    check_name,
    check_size,
    check_sizes,
)
from overparam.models.parametrisations import parametrisation as parametrisation_of


def mlp(
    inputs: int,
    widths: Sequence[int],
    outputs: int,
    *,
    activation: str = "relu",
    bias: bool = True,
    init: str | None = None,
    parametrisation: str = "standard",
    gain: float = 1.0,
) -> Network:
    """A multi-layer perceptron: ``h_l = phi(s_l W_l h_{l-1} + b_l)``, the last layer without activation.

    Equal arguments return the same object, so that compiled programs are found again.

    Args:
        inputs: number of features.
        widths: width of every hidden layer, from the input side; empty for a linear model.
        outputs: number of outputs.
        activation: name in :func:`~overparam.models.activations.activation`.
        bias: whether layers have biases.
        init: name in :func:`~overparam.models.initialisations.initialisation`; None takes the one that belongs
            to the parametrisation (``torch`` for ``standard``, ``normal`` for the others).
        parametrisation: name in :func:`~overparam.models.parametrisations.parametrisation`; it gives the s_l.
        gain: factor of the scales, for every parametrisation but ``standard``.

    Returns:
        A network with layers ``hidden1``, ``hidden2``, ..., ``output``.

    Raises:
        UsageError: an unknown name, or a size below 1.

    >>> mlp(40, (16, 16), 10).name
    'mlp 40-16-16-10 relu'
    """
    sizes = (
        check_size("inputs", inputs),
        *check_sizes("widths", widths),
        check_size("outputs", outputs),
    )
    return _mlp(
        sizes, check_name("activation", activation), check_flag("bias", bias), None if init is None else check_name("init", init),
        check_name("parametrisation", parametrisation), check_gain(gain),
    )  # fmt: skip


def layer_names(hidden: int) -> tuple[str, ...]:
    """Names of the layers from the input side: ``hidden1`` to ``hiddenN``, then ``output``.

    Args:
        hidden: number of hidden layers.

    Returns:
        ``hidden + 1`` names.

    >>> layer_names(2)
    ('hidden1', 'hidden2', 'output')
    """
    return (*(f"hidden{i + 1}" for i in range(hidden)), "output")


def affine(
    layer: PyTree, scale: float, columns: Float[AnyArray, "features batch"]
) -> Float[AnyArray, "units batch"]:
    """``scale * W h + b`` for examples in columns.

    Args:
        layer: ``weight`` of shape ``(outputs, inputs)``; ``bias`` of shape ``(outputs,)`` if the layer has one.
        scale: forward scale.
        columns: shape ``(inputs, batch)``.

    Returns:
        Shape ``(outputs, batch)``.
    """
    product = layer["weight"] @ columns
    if scale != 1.0:
        product = scale * product
    return product + layer["bias"][:, None] if "bias" in layer else product


@functools.lru_cache(maxsize=256)
def _mlp(
    sizes: tuple[int, ...], activation: str, bias: bool, init: str | None, parametrisation: str, gain: float
) -> Network:
    rule = parametrisation_of(parametrisation)
    scales = rule.scales(sizes, gain)
    law = initialisation(init or rule.init)
    act = activation_of(activation)
    names = layer_names(len(sizes) - 2)

    def initialise(key: PRNGKeyArray) -> PyTree:
        layers = list(itertools.pairwise(sizes))
        return dict(zip(names, law.draw(key, layers, bias), strict=True))

    # Examples stand in columns inside: measured a third faster than rows for widths below about 50 on a CPU,
    # because the long, regular axis of every product is then the batch.
    def apply(params: PyTree, x: Inputs) -> Outputs:
        columns = x.T
        for name, scale in zip(names[:-1], scales[:-1], strict=True):
            columns = act(affine(params[name], scale, columns))
        return affine(params[names[-1]], scales[-1], columns).T

    kind = "mlp" if len(sizes) > 2 else "linear"
    details = [activation] if len(sizes) > 2 else []
    details += [] if parametrisation == "standard" else [parametrisation]
    title = " ".join([kind, "-".join(map(str, sizes)), *details])
    form = DenseForm(activation, sizes, tuple(scales), bias, init or rule.init)
    return Network(title, initialise, apply, sizes[0], sizes[-1], form=form)
