"""Documented rounding bounds against exact decimal arithmetic: elementary functions, sums, whole networks."""

import itertools
from decimal import Decimal, getcontext

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import ACTIVATIONS, Activation, activation, leaky_relu, sine
from overparam.theory.certificates import Dense, evaluate, two_layer
from overparam.theory.certificates.jacobian import spectrum
from overparam.theory.certificates.rounding import (
    UNIT,
    above,
    below,
    gamma,
    norm_above,
    row_norms_above,
    slope_error,
    value_error,
)

PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798"
)

LEAK = Decimal.from_float(0.01)


@pytest.fixture(autouse=True)
def _digits(monkeypatch):
    """90 digits while these tests run, whatever others left."""
    monkeypatch.setattr(getcontext(), "prec", 90)


def erf(z):
    term = total = z
    for k in range(1, 600):
        term = -term * z * z / k
        total += term / (2 * k + 1)
        if abs(term) < Decimal("1e-80"):
            break
    return 2 * total / PI.sqrt()


def sin(z):
    z = z % (2 * PI)
    term = total = z
    for k in range(1, 200):
        term = -term * z * z / ((2 * k) * (2 * k + 1))
        total += term
    return total


def expit(z):
    return 1 / (1 + (-z).exp())


def density(z):
    return (-z * z / 2).exp() / (2 * PI).sqrt()


def cdf(z):
    return (1 + erf(z / Decimal(2).sqrt())) / 2


def tanh(z):
    return 2 * expit(2 * z) - 1


EXACT = {
    "tanh": (tanh, lambda z: 1 - tanh(z) ** 2),
    "erf": (erf, lambda z: 2 / PI.sqrt() * (-z * z).exp()),
    "gelu": (lambda z: z * cdf(z), lambda z: cdf(z) + z * density(z)),
    "softplus": (lambda z: (1 + z.exp()).ln(), expit),
    "silu": (lambda z: z * expit(z), lambda z: expit(z) + z * expit(z) * expit(-z)),
    "sine": (sin, lambda z: sin(z + PI / 2)),
    "quadratic": (lambda z: z * z, lambda z: 2 * z),
    "identity": (lambda z: z, lambda z: Decimal(1)),
    "relu": (lambda z: max(z, Decimal(0)), lambda z: Decimal(int(z > 0))),
    "leaky_relu": (
        lambda z: z if z > 0 else LEAK * z,
        lambda z: Decimal(1) if z > 0 else LEAK,
    ),
}


def points():
    rng = np.random.default_rng(0)
    return np.concatenate(
        [rng.normal(size=60) * 2, rng.uniform(-8, 8, 60), 10.0 ** rng.uniform(-12, 0, 20), [0.25, -1.0]]
    )


@pytest.mark.parametrize("name", EXACT)
def test_elementary_functions_are_well_within_their_bounds(name):
    act, z = ACTIVATIONS[name], points()
    for function, exact, bound in (
        (act.value, EXACT[name][0], value_error(act, z)),
        (act.slope, EXACT[name][1], slope_error(act, z)),
    ):
        off = np.array(
            [abs(float(Decimal(f) - exact(Decimal(p)))) for f, p in zip(function(z), z, strict=True)]
        )
        assert (off <= bound).all()
        if name in {"tanh", "erf", "gelu", "softplus", "silu", "sine"}:
            assert (off <= bound / 3).all()  # a margin for other builds of NumPy and SciPy


def test_every_activation_has_a_bound_and_others_are_refused():
    z = np.array([0.5])
    for act in (*ACTIVATIONS.values(), sine(2.5), leaky_relu(-0.5)):
        assert np.isfinite(value_error(act, z)).all()
        assert np.isfinite(slope_error(act, z)).all()
    own = Activation("mine", np.cos, np.sin, None, 1.0, np.inf, "none")
    with pytest.raises(UsageError, match="activation 'mine': no bound is known for the rounding"):
        value_error(own, z)


def test_norms_are_rounded_up():
    rng = np.random.default_rng(0)
    for size in (1, 3, 1000):
        for power in (-200, 0, 150):
            values = rng.normal(size=size) * 10.0**power
            exact = sum(Decimal(v) ** 2 for v in values.tolist()).sqrt()
            assert exact <= Decimal(norm_above(values)) <= exact * (1 + Decimal("1e-12"))
            assert exact <= Decimal(float(row_norms_above(values[None])[0])) <= exact * (1 + Decimal("1e-12"))
    assert norm_above(np.zeros(3)) == 0
    assert norm_above(np.array([np.inf])) == np.inf


def test_scalars_are_rounded_outwards():
    assert below(1.0) < 1.0 < above(1.0)
    assert below(1e-310) == 0.0
    assert gamma(10) > 10 * UNIT
    with pytest.raises(UsageError, match="expected sums of fewer than"):
        gamma(1e15)


def exact_network(net, x):
    """Outputs in 90 digits."""
    function = EXACT[net.activation.name][0]
    rows = []
    for row in x.tolist():
        h = [Decimal(v) for v in row]
        for layer, (w, b, s) in enumerate(zip(net.weights, net.biases, net.scales, strict=True)):
            h = [
                Decimal(s) * sum(Decimal(a) * c for a, c in zip(line, h, strict=True))
                + (Decimal(0) if b is None else Decimal(float(b[j])))
                for j, line in enumerate(w.tolist())
            ]
            if layer < len(net.weights) - 1:
                h = [function(v) for v in h]
        rows.append(h)
    return rows


@pytest.mark.parametrize("name", ["tanh", "softplus", "quadratic", "relu"])
@pytest.mark.parametrize("layers", [2, 3])
def test_outputs_are_within_their_running_error_bounds(name, layers):
    rng = np.random.default_rng(layers)
    sizes = (*(3, 5, 4, 2)[:layers], 2)
    net = Dense(
        tuple(rng.normal(size=(b, a)) for a, b in itertools.pairwise(sizes)),
        tuple(rng.normal(size=b) for b in sizes[1:]), (0.3,) * layers, activation(name),
    )  # fmt: skip
    x = rng.normal(size=(3, 3))
    found = evaluate(net, x)
    exact = exact_network(net, x)
    off = np.array([[abs(float(Decimal(float(f)) - e)) for f, e in zip(a, b, strict=True)]
                    for a, b in zip(found.outputs, exact, strict=True)])  # fmt: skip
    assert (off <= found.outputs_error).all()
    assert (found.outputs_error < 1e-12 * (1 + np.abs(found.outputs))).all()


def test_cancellation_is_seen():
    """Large weights that cancel: the value is nearly all rounding, and the bound says so."""
    net = two_layer([[1e8, -1e8]], [1.0], activation("tanh"))
    x = np.array([[1.0 / 3, 1.0 / 3 + 1e-9]])
    found = evaluate(net, x)
    off = abs(float(Decimal(float(found.outputs[0, 0])) - exact_network(net, x)[0][0]))
    assert off <= found.outputs_error[0, 0]
    assert found.outputs_error[0, 0] > 1e-9


def test_bad_networks_are_refused():
    act = activation("tanh")
    with pytest.raises(UsageError, match=r"weights: expected shape \(units, features\), got \(2,\)"):
        two_layer([1.0, 2.0], [1.0], act)
    with pytest.raises(UsageError, match=r"output: expected shape \(1,\) or \(outputs, 1\), got \(1, 2\)"):
        two_layer([[1.0]], [1.0, 2.0], act)
    with pytest.raises(UsageError, match=r"bias: expected shape \(1,\), got \(2,\)"):
        two_layer([[1.0]], [1.0], act, [1.0, 2.0])
    with pytest.raises(DataError, match="parameters: expected finite numbers in float64"):
        two_layer([[np.nan]], [1.0], act)
    with pytest.raises(UsageError, match="expected layers that fit"):
        Dense((np.ones((2, 3)), np.ones((1, 3))), (None, None), (1.0, 1.0), act)
    with pytest.raises(UsageError, match="expected one bias"):
        Dense((np.ones((2, 3)),), (None, None), (1.0,), act)
    with pytest.raises(UsageError, match="expected a trained layer"):
        Dense((np.ones((2, 3)),), (None,), (1.0,), act, trained_output=False)
    with pytest.raises(UsageError, match=r"x: expected shape \(n, 1\), got \(2, 2\)"):
        evaluate(two_layer([[1.0]], [1.0], act), np.ones((2, 2)))


@pytest.mark.parametrize("power", [-170, -162, -155, -100, 40])
@pytest.mark.parametrize("output", [1e-160, 1.0, 1e60])
def test_underflow_is_part_of_the_bounds(power, output):
    """Rows in the ratio 1 to 2 after numbers that underflow when squared: the true smallest value is known."""
    x = 10.0**power * np.array([[1.0, 0.0], [1.0, 1e-3]])
    net = two_layer([[1.0, 1.0]], [output], activation("identity"))
    found = evaluate(net, x)
    proved = spectrum(found.blocks, net.parameters)
    exact = np.linalg.svd(np.array([[1.0, 0.0], [1.0, 1e-3]]), compute_uv=False) * 10.0**power * output
    assert proved.smallest <= exact[1] * (1 + 1e-9)
    assert proved.largest >= exact[0] * (1 - 1e-9)
    if power >= -100 and output >= 1:
        assert proved.smallest >= 0.99 * exact[1]
