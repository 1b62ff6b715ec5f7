"""A model that is a chain of dense layers, recognised: weights, biases, activation; else refused, with what differs.

``f(x) = s_L W_L phi(... phi(s_1 W_1 x + b_1) ...) + b_L``. Of a network of the package the form is known. Of another model it is
read off the operations of a pass, in which nothing else may occur, and compared with the outputs at the model's own
parameters and at two other vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy import special

from overparam.core.errors import UsageError
from overparam.operators.model import Model
from overparam.operators.recorder import Seen
from overparam.operators.seen import see

Matrix = Float64[np.ndarray, "n ..."]  # of another width in every layer
ROWS = 16  # examples on which a chain is compared with its model

ACTIVATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "tanh": np.tanh,
    "erf": special.erf,
    "gelu": lambda z: z * special.ndtr(z),
    "gelu_tanh": lambda z: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    "softplus": lambda z: np.logaddexp(z, 0),
    "sigmoid": special.expit,
    "silu": lambda z: z * special.expit(z),
    "sine": np.sin,
    "quadratic": np.square,
}
# operations of a chain: products, sums, activations and the moving of axes
_WORDS = """
    dot_general add transpose broadcast_in_dim reshape squeeze convert_element_type copy max mul select_n gt ge lt le tanh
    erf erf_inv erfc logistic exp log1p sub abs neg ne stop_gradient sin square integer_pow custom_jvp_call custom_vjp_call
    jit pjit sign is_finite min and or not eq add_any rev pow div exp2 expand_dims
    mm addmm t relu leaky_relu view _unsafe_view expand clone detach alias sigmoid gelu silu softplus unsqueeze flatten
    permute lift_fresh empty_like fill_ native_dropout dropout
"""
_PLAIN = frozenset(_WORDS.split())


@dataclass(frozen=True, eq=False)
class Chain:
    """A chain of dense layers in float64.

    Attributes:
        names: of the weight matrices.
        weights: from the input side, shape ``(units, inputs)`` each.
        biases: shape ``(units,)``, or None.
        scales: s_l.
        activation: a name of ``ACTIVATIONS``.
        trained: whether each layer's weight is one that the model derives by.
        inputs: shape ``(n, features)``.
        known: whether the form is that of a network of the package; else it was recognised.
    """

    names: tuple[str, ...]
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray | None, ...]
    scales: tuple[float, ...]
    activation: str
    trained: tuple[bool, ...]
    inputs: Matrix
    known: bool

    def preactivations(self, inputs: Matrix | None = None) -> list[Matrix]:
        """Inputs of every activation and, last, the outputs, each of shape ``(n, units)``.

        Args:
            inputs: other inputs than the model's.
        """
        hidden = self.inputs if inputs is None else inputs
        phi, found = ACTIVATIONS[self.activation], []
        for weight, bias, scale in zip(self.weights, self.biases, self.scales, strict=True):
            found.append(scale * (hidden @ weight.T) + (0.0 if bias is None else bias))
            hidden = phi(found[-1])
        return found

    def hidden(self) -> list[Matrix]:
        """What each hidden layer gives, shape ``(n, units)`` each."""
        return [ACTIVATIONS[self.activation](one) for one in self.preactivations()[:-1]]


def chain_of(model: Model, what: str) -> Chain:
    """The chain that a model is; cost: a pass over its data and three over 16 examples.

    Args:
        model: of :func:`overparam.operators.open_model`.
        what: is measured, for the message.

    Raises:
        UsageError: the model is no chain of dense layers with one activation.
    """
    form = _form(model)
    return _known(model, form) if form is not None else _recognised(model, what)


def _form(model: Model) -> Any:
    network = getattr(getattr(model, "programs", None), "network", None)
    return None if network is None or network.training is not None else network.form


def _arrays(model: Any) -> dict[str, np.ndarray]:
    """All arrays of a model by name, in float64 where they are numbers."""
    given = {**model.held, **model.trained}
    return {
        name: np.asarray(model.host(one)).astype(np.float64)
        for name, one in given.items()
        if "float" in str(getattr(one, "dtype", ""))
    }


def _inputs(model: Model, rows: int | None = None) -> np.ndarray:
    found = []
    for batch in model.batches():
        part = batch if rows is None else batch.rows(0, rows)
        found.append(np.asarray(model.host(part.args[0]), np.float64).reshape(part.count, -1))
        if rows is not None:
            break
    return np.concatenate(found)


def _known(model: Model, form: Any) -> Chain:
    arrays = _arrays(model)
    layers = [*(f"hidden{i + 1}" for i in range(len(form.sizes) - 2)), "output"]
    names = [f"{layer}/weight" for layer in layers]
    scales = [float(one) for one in form.scales]
    weights = [arrays[name] for name in names if name in arrays]
    biases = [arrays.get(f"{layer}/bias") for layer in layers]
    if form.signs is not None:  # the network multiplies in float32: that product is its last matrix
        weights.append(np.asarray(form.scales[-1] * form.signs, np.float64))
        scales[-1] = 1.0
    trained = tuple(name in model.layout.slices for name in names)
    return Chain(
        tuple(names),
        tuple(weights),
        tuple(biases),
        tuple(scales),
        form.activation,
        trained,
        _inputs(model),
        True,
    )


def _recognised(model: Model, what: str) -> Chain:
    def refuse(got: str) -> UsageError:
        return UsageError(
            f"{what}: expected a chain of dense layers with one activation, got {got}. Give a network of the package (mlp, "
            "two_layer, linear), or a model of Linear (Dense) layers and one activation alone."
        )

    first = next(iter(model.batches()))
    if len(first.args) != 1 or first.named or len(model.output_shape) != 1:
        raise refuse("a model of several inputs, or one whose outputs are no rows of numbers")
    seen = see(model)
    odd = sorted(seen.operations - _PLAIN)
    if odd:
        raise refuse(f"one whose pass also has the operation '{odd[0]}'")
    names, own = _layers(model, seen), _arrays(model)
    if names is None or not names:
        raise refuse("one whose arrays are not each used once, as a weight or as the bias behind it")
    weights, biases = [], []
    for weight, bias in names:
        rows = seen.unfoldings[weight].rows
        matrix = own[weight] if rows == (0,) else own[weight].T
        weights.append((weight, rows == (0,)))
        biases.append(bias)
        if bias is not None and own[bias].shape != (len(matrix),):
            raise refuse(f"a bias '{bias}' of shape {own[bias].shape} behind '{weight}'")
    sizes = [own[name].shape if straight else own[name].shape[::-1] for name, straight in weights]
    x = _inputs(model, ROWS)
    fits = [x.shape[1], *(size[0] for size in sizes)]
    if [size[1] for size in sizes] != fits[:-1]:
        raise refuse(f"matrices that do not follow one another (inputs {x.shape[1]}, {sizes})")
    kinds = list(ACTIVATIONS) if len(weights) > 1 else ["identity"]
    rng = np.random.default_rng(0)
    own_vector = model.vector().astype(np.float64)
    for vector in (own_vector, 3 * own_vector, rng.normal(size=model.size) / np.sqrt(max(fits))):
        here = model.at(vector)
        with here.quiet():
            outputs = here.host(here.batch_outputs(next(iter(here.batches())).rows(0, ROWS)))
        kinds = [one for one in kinds if _agrees(_made(here, weights, biases, one, x), outputs, here.dtype)]
        if not kinds:
            raise refuse("one whose outputs are not those of such a chain with a known activation")
    if len(kinds) > 1:
        raise refuse(f"one whose activation cannot be told on these data: {' or '.join(kinds)}")
    return _made(model, weights, biases, kinds[0], _inputs(model))


def _layers(model: Any, seen: Seen) -> list[tuple[str, str | None]] | None:
    """Weights in order, each with its bias; None where something else is used."""
    found: list[tuple[str, str | None]] = []
    for what, name in seen.order:
        if what == "product" and name in seen.unfoldings and seen.unfoldings[name].kind == "dense":
            found.append((name, None))
        elif what == "sum" and found and found[-1][1] is None:
            found[-1] = (found[-1][0], name)
        else:
            return None
    used = [name for pair in found for name in pair if name is not None]
    if len(set(used)) < len(used) or seen.products != len(found) or set(used) != set(_arrays(model)):
        return None
    return found


def _made(model: Model, weights: Any, biases: Any, activation: str, inputs: Matrix) -> Chain:
    own = _arrays(model)
    return Chain(
        tuple(name for name, _ in weights),
        tuple(own[name] if straight else own[name].T for name, straight in weights),
        tuple(None if name is None else own[name] for name in biases),
        (1.0,) * len(weights),
        activation,
        tuple(name in model.layout.slices for name, _ in weights),
        inputs,
        False,
    )


def _agrees(chain: Chain, outputs: np.ndarray, dtype: np.dtype) -> bool:
    """Whether outputs are those of a chain up to rounding, by a running error bound."""
    unit = float(np.finfo(dtype).eps)
    phi = ACTIVATIONS[chain.activation]
    hidden, error = chain.inputs, unit * np.abs(chain.inputs)
    with np.errstate(over="ignore", invalid="ignore"):
        for weight, bias, scale in zip(chain.weights, chain.biases, chain.scales, strict=True):
            sizes = abs(scale) * (np.abs(hidden) @ np.abs(weight).T) + (0.0 if bias is None else np.abs(bias))
            z = scale * (hidden @ weight.T) + (0.0 if bias is None else bias)
            error = abs(scale) * (error @ np.abs(weight).T) + (weight.shape[1] + 4) * unit * sizes
            slope = 1.2 if chain.activation != "quadratic" else 2.2 * (np.abs(z) + error)
            hidden = phi(z)
            error = slope * error + 8 * unit * np.abs(hidden)
        slack = error if chain.activation == "quadratic" else np.minimum(error, 1e-2 * np.abs(z).max() + unit)
        return bool(np.isfinite(z).all() and (np.abs(z - outputs) <= 4 * slack).all())
