"""The charts of a width sweep."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from overparam.core import Chart, Series, XAxis
from overparam.studies.widths.arms import Reading

_ORACLE = "The best time is chosen on the test set, among the probe times: an oracle, not a method."
_UNITS = {"cross_entropy": "cross-entropy (nats)", "squared": "squared loss (half the squared distance)"}


def charts(reading: Reading, few: Sequence[int], *, width: str = "hidden width") -> tuple[Chart, ...]:
    """Error and loss against width, at the end and at the best time; the course of training; the distance moved.

    Args:
        reading: how the sweep is read; numbers as targets have no error.
        few: the widths whose training is drawn over the steps.
        width: title of the horizontal axis.
    """
    x = (
        XAxis("width", width),
        XAxis("parameters", "parameters"),
        XAxis("parameters_per_sample", "parameters per training sample"),
    )
    given = "labels" if reading.labels else "targets"
    chart = partial(Chart, arm="noise", arm_title=reading.noise_words)
    unit = _UNITS[reading.loss]
    error = "test error (share of samples)" if reading.labels else f"test {unit}"
    metric = "test_error_by_step" if reading.labels else "test_loss_by_step"
    train = f"train, against the given {given}"
    by_error = (
        chart(
            "error", "Error against width", x, "error (share of samples)",
            (Series("test_error", "test"), Series("train_error", train, dashed=True)),
            note="The test labels are clean: test error counts true mistakes.",
        ),
    )  # fmt: skip
    by_loss = (
        chart(
            "loss", "Loss against width", x, unit,
            (Series("test_loss", "test"), Series("train_loss", train, dashed=True)), y_log=True,
            note="A network that fits all its labels is sure of its mistakes: the loss may peak without the error."
            if reading.labels else "The test targets are clean.",
        ),
    )  # fmt: skip
    stopped_error = (
        chart(
            "stopped-error", "Error at the end and at the best time", x, "test error (share of samples)",
            (Series("test_error", "end of training"), Series("best_test_error", "best time", dashed=True)),
            note=_ORACLE,
        ),
    )  # fmt: skip
    rest = (
        chart(
            "stopped-loss", "Loss at the end and at the best time", x, f"test {unit}",
            (Series("test_loss", "end of training"), Series("best_test_loss", "best time", dashed=True)),
            y_log=True, note=_ORACLE,
        ),
        chart(
            "steps", f"Test {'error' if reading.labels else 'loss'} during training", (XAxis("step", "step"),),
            error, tuple(Series(metric, f"width {one}", where={"width": one}) for one in few),
            fit=False, y_log=not reading.labels,
        ),
        chart(
            "distance", "How far the parameters move", x, "Euclidean norm",
            (Series("distance", "distance from initialisation"), Series("norm", "norm at the end", dashed=True)),
            y_log=True,
        ),
    )  # fmt: skip
    return (*(by_error if reading.labels else ()), *by_loss, *(stopped_error if reading.labels else ()), *rest)
