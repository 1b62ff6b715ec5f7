"""Weight reuse: a wider two-layer network that starts from the trained weights of a narrower one."""

from __future__ import annotations

from typing import Any


def widen(params: Any, width: int, spread: float, seed: int) -> dict[str, dict[str, Any]]:
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
        UsageError: fewer units than there are.

    References: Belkin et al., PNAS 116 (2019), supplement, on the training of fully connected networks.

    >>> import numpy as np
    >>> narrow = {"hidden1": {"weight": np.ones((1, 2)), "bias": np.ones(1)},
    ...           "output": {"weight": np.ones((1, 1)), "bias": np.ones(1)}}
    >>> wide = widen(narrow, 3, 0.0, seed=0)
    >>> np.abs(wide["hidden1"]["weight"]).tolist(), np.abs(wide["output"]["weight"]).tolist()
    ([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0, 0.0]])
    """
    import numpy as np

    from overparam.core import UsageError
    from overparam.data.stream import stream

    hidden, output = params["hidden1"], params["output"]
    units, inputs = np.shape(hidden["weight"])
    if width < units:
        raise UsageError(f"width: expected at least the {units} units there are, got {width}. Sort the widths.")
    random = stream(f"added units of width {width}", seed)
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
