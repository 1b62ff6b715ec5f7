"""Inputs and targets of a certificate: checked, cast exactly to float64, and looked at where the Jacobian is singular."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.certificates.dense import Dense
from overparam.theory.certificates.exact import exact_array
from overparam.theory.certificates.jacobian import Spectrum
from overparam.theory.certificates.rounding import scaled
from overparam.theory.inputs import all_finite

Matrix = Float64[np.ndarray, "n features"]
_RANGE = 1e60


def examples(
    x: ArrayLike, y: ArrayLike, features: int, outputs: int
) -> tuple[Matrix, Float64[np.ndarray, "n classes"], tuple[str, ...]]:
    """Inputs and targets in float64, shapes ``(n, features)`` and ``(n, outputs)``, and what was done to them.

    Args:
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)`` for one output, or ``(n, outputs)``.
        features: what the network takes.
        outputs: what the network gives.

    Raises:
        UsageError: integer labels, or shapes that do not fit.
        DataError: numbers that are missing, infinite or beyond 1e60 in size.

    >>> examples([[1.0, 2.0]], [0.5], 2, 1)[1]
    array([[0.5]])
    """
    inputs, targets = exact_array(x, "x"), exact_array(y, "y")
    if targets.dtype.kind in "iub":
        raise UsageError(
            "y: expected numbers to fit, got integer labels. Encode classes, for instance as np.eye(classes)[y] with "
            "one output a class, or as 2.0 * y - 1 for two classes; whole numbers to fit: y.astype(float)."
        )
    if inputs.ndim != 2 or inputs.shape[1] != features or not len(inputs):
        raise UsageError(f"x: expected shape (n, {features}), got {inputs.shape}.")
    wanted = f"({len(inputs)},) or ({len(inputs)}, 1)" if outputs == 1 else f"({len(inputs)}, {outputs})"
    if targets.shape != (len(inputs), outputs) and not (outputs == 1 and targets.shape == (len(inputs),)):
        raise UsageError(f"y: expected shape {wanted}, got {targets.shape}.")
    notes = []
    for name, array in (("x", inputs), ("y", targets)):
        if array.dtype.kind == "f":
            all_finite(array, name)
        if array.dtype.kind == "f" and array.dtype.itemsize < 8:
            notes.append(f"{name} was given in {array.dtype} and taken as it is, in float64.")
        if float(np.abs(array.astype(np.float64)).max()) > _RANGE:
            raise DataError(f"{name}: expected numbers below 1e60 in size. Rescale them.")
    return inputs.astype(np.float64), targets.astype(np.float64).reshape(len(inputs), outputs), tuple(notes)


def why_singular(network: Dense, x: Matrix, spectrum: Spectrum) -> str:
    """In words, why the smallest singular value of the Jacobian is not proved to be positive.

    Args:
        network: the network.
        x: inputs, shape ``(n, features)``.
        spectrum: what was proved.
    """
    rows = len(spectrum.gram)
    if network.parameters < rows:
        remedy = "widen the network" if len(network.weights) > 1 else "take fewer examples or more features"
        return f"{network.parameters} trained parameters cannot fit {rows} targets independently; {remedy}"
    biased = network.biases[0] is not None
    if not biased and (zero := np.flatnonzero(~x.any(axis=1))).size:
        return f"input {int(zero[0])} is zero, and without biases its output cannot change; leave it out, or use biases"
    _, first, counts = np.unique(x, axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        one = int(first[counts > 1][0])
        other = int(np.flatnonzero((x == x[one]).all(axis=1))[1])
        return (
            f"inputs {one} and {other} are equal, so their outputs always are; leave one out "
            "(with different targets no network fits both)"
        )
    if not biased and len(network.weights) == 2 and (why := _antipodal(network, x)):
        return why
    trace = float(np.trace(spectrum.gram))
    off = scaled(spectrum.entry_error, -spectrum.exponent)
    lost = max((spectrum.forming_error / trace) ** 0.5, off / trace**0.5) if trace > 1e-300 else 1.0
    if lost > 1e-3:
        return (
            "all gradients of the outputs are 0, or so small that float64 loses them; inputs or output weights of tiny "
            "size and saturated units have this effect: rescale them"
        )
    return (
        f"what float64 can prove ends at about {lost:.1e} of its norm; inputs that are nearly parallel or too few "
        "active units have this effect"
    )


def _antipodal(network: Dense, x: Matrix) -> str:
    """Pairs x, -x that make the Jacobian singular at every width, where the first layer alone is trained."""
    if network.trained_output:
        return ""
    rows = {row.tobytes() for row in x + 0.0}
    pairs = sum((0.0 - row).tobytes() in rows for row in x) // 2
    parity, features = network.activation.parity, x.shape[1]
    if pairs and parity in ("odd", "even"):
        return (
            f"{pairs} pairs of inputs x and -x with the {parity} activation {network.activation.name} and no biases "
            "have outputs that determine each other; use biases"
        )
    if pairs > features and parity == "linear odd part":
        return (
            f"{pairs} pairs of inputs x and -x, more than the {features} features: without biases f(x) - f(-x) is "
            f"linear for {network.activation.name}; use biases"
        )
    return ""
