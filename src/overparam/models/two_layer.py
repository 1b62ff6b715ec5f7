"""Two-layer networks: one hidden layer; optionally only the hidden layer is trained, as in many theorems."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, PRNGKeyArray

from overparam.core.errors import UsageError
from overparam.models.activations import activation as activation_of
from overparam.models.check import check_params
from overparam.models.form import DenseForm
from overparam.models.initialisations import initialisation
from overparam.models.mlp import affine, layer_names, mlp
from overparam.models.network import (
    Inputs,
    Network,
    Outputs,
    PyTree,
    check_flag,
    check_gain,
    check_name,
    check_size,
)
from overparam.models.parametrisations import parametrisation as parametrisation_of
from overparam.models.state import leaves


def two_layer(
    inputs: int,
    width: int,
    outputs: int = 1,
    *,
    activation: str = "relu",
    bias: bool = True,
    init: str | None = None,
    parametrisation: str = "standard",
    gain: float = 1.0,
    train_output: bool = True,
) -> Network:
    """A network with one hidden layer, ``f(x) = s_2 A phi(s_1 W x + b) + c``.

    Args:
        inputs: number of features.
        width: number of hidden units m.
        outputs: number of outputs.
        activation: name in :func:`~overparam.models.activations.activation`.
        bias: whether layers have biases.
        init: name in :func:`~overparam.models.initialisations.initialisation`; None: the parametrisation's own.
        parametrisation: name in :func:`~overparam.models.parametrisations.parametrisation`; it gives the s_l.
        gain: factor of the scales, for every parametrisation but ``standard``.
        train_output: if False, A is fixed and is not a parameter: entries +1 and -1, equally many in every row
            (one more +1 when m is odd), the same for all members, and there is no c.

    Returns:
        A network with layers ``hidden1`` and, if it is trained, ``output``.

    Raises:
        UsageError: an unknown name, or a size below 1.

    References:
        Fixed signs: Du, Zhai, Poczos, Singh, Gradient descent provably optimizes over-parameterized neural
        networks, ICLR 2019, equation 1 (``parametrisation="ntk_unit"``, ``bias=False``).

    >>> from overparam.models import parameters
    >>> parameters(two_layer(5, 8, 1, bias=False, train_output=False)) == 5 * 8
    True
    """
    if check_flag("train_output", train_output):
        return mlp(
            inputs,
            (check_size("width", width),),
            outputs,
            activation=activation,
            bias=bias,
            init=init,
            parametrisation=parametrisation,
            gain=gain,
        )
    sizes = (check_size("inputs", inputs), check_size("width", width), check_size("outputs", outputs))
    return _fixed_output(
        sizes, check_name("activation", activation), check_flag("bias", bias), None if init is None else check_name("init", init),
        check_name("parametrisation", parametrisation), check_gain(gain),
    )  # fmt: skip


def output_signs(width: int, outputs: int) -> Float32[np.ndarray, "classes units"]:
    """The fixed output weights: +1 and -1, equally many in every row.

    The first row is +1 on the first half of the units; every further row is an independent shuffle, the same
    whenever it is drawn.

    Args:
        width: number of hidden units.
        outputs: number of rows.

    Returns:
        float32 array of shape ``(outputs, width)``.

    >>> output_signs(4, 1)
    array([[ 1.,  1., -1., -1.]], dtype=float32)
    """
    width, outputs = check_size("width", width), check_size("outputs", outputs)
    row = np.where(np.arange(width) < (width + 1) // 2, 1.0, -1.0)
    rows = [row] + [np.random.default_rng((width, k)).permutation(row) for k in range(1, outputs)]
    return np.stack(rows).astype(np.float32)


@functools.lru_cache(maxsize=256)
def _fixed_output(
    sizes: tuple[int, int, int],
    activation: str,
    bias: bool,
    init: str | None,
    parametrisation: str,
    gain: float,
) -> Network:
    inputs, width, outputs = sizes
    rule = parametrisation_of(parametrisation)
    hidden_scale, output_scale = rule.scales(sizes, gain)
    law = initialisation(init or rule.init)
    act = activation_of(activation)
    hidden = layer_names(1)[0]
    plain = output_signs(width, outputs)
    signs = output_scale * plain

    def initialise(key: PRNGKeyArray) -> PyTree:
        return {hidden: law.draw(key, [(inputs, width)], bias)[0]}

    def apply(params: PyTree, x: Inputs) -> Outputs:
        return (jnp.asarray(signs) @ act(affine(params[hidden], hidden_scale, x.T))).T

    tail = "" if parametrisation == "standard" else f" {parametrisation}"
    title = f"two_layer {inputs}-{width}-{outputs} {activation}{tail}, fixed output"
    form = DenseForm(activation, sizes, (hidden_scale, output_scale), bias, init or rule.init, plain)
    return Network(title, initialise, apply, inputs, outputs, form=form)


def widen(params: PyTree, width: int, spread: float, seed: int) -> dict[str, dict[str, Any]]:
    """Parameters of a wider network that holds a narrower one in its first hidden units.

    The old units keep their weights in and out, and the output biases stay. Weights in, biases and weights out of
    the added units are drawn from N(0, spread^2), from a stream of (seed, width) alone. With ``spread = 0`` the
    added units are dead and both networks compute the same outputs.

    Args:
        params: ``hidden1`` and ``output``, each with ``weight`` ``(units, inputs)`` and ``bias`` ``(units,)``.
        width: hidden units wanted, at least as many as there are.
        spread: standard deviation of the added weights.
        seed: which draw.

    Returns:
        Parameters of the same form with ``width`` hidden units, float32.

    Raises:
        UsageError: fewer units than there are, other layers, or numbers of fewer than 32 bits.

    References: Belkin et al., PNAS 116 (2019), supplement, on the training of fully connected networks.

    >>> narrow = {"hidden1": {"weight": np.ones((1, 2)), "bias": np.ones(1)},
    ...           "output": {"weight": np.ones((1, 1)), "bias": np.ones(1)}}
    >>> wide = widen(narrow, 3, 0.0, seed=0)
    >>> np.abs(wide["hidden1"]["weight"]).tolist(), np.abs(wide["output"]["weight"]).tolist()
    ([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0, 0.0]])
    """
    names = [f"{layer}/{part}" for layer in ("hidden1", "output") for part in ("bias", "weight")]
    if [path for path, _ in leaves(params)] != names:
        raise UsageError(
            f"params: expected those of a network with one hidden layer and biases ({', '.join(names)}), got "
            f"{', '.join(path for path, _ in leaves(params)) or 'no array'}."
        )
    hidden, output = params["hidden1"], params["output"]
    if np.ndim(hidden["weight"]) != 2 or np.ndim(output["weight"]) != 2:
        raise UsageError(
            f"params: expected weights of shape (outputs, inputs), got {np.shape(hidden['weight'])} and "
            f"{np.shape(output['weight'])}. Give the parameters of one network."
        )
    units, inputs = np.shape(hidden["weight"])
    check_params(two_layer(inputs, units, np.shape(output["weight"])[0]), params, single=True, finite=False)
    if width < units:
        raise UsageError(f"width: expected at least the {units} units there are, got {width}. Sort the widths.")
    tag = hashlib.sha256(f"added units of width {width}".encode()).digest()
    random = np.random.RandomState([seed, int.from_bytes(tag[:4], "big")])
    outputs, extra = np.shape(output["weight"])[0], width - units

    def grown(old: Any, shape: tuple[int, ...], axis: int) -> Any:
        return np.concatenate([old, spread * random.standard_normal(shape)], axis=axis).astype(np.float32)

    return {
        "hidden1": {
            "weight": grown(hidden["weight"], (extra, inputs), 0),
            "bias": grown(hidden["bias"], (extra,), 0),
        },
        "output": {
            "weight": grown(output["weight"], (outputs, extra), 1),
            "bias": np.asarray(output["bias"], np.float32),
        },
    }
