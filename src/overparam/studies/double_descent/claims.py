"""The claims of the study: those about any width sweep, and the place of the peak in parameters per sample."""

from __future__ import annotations

from overparam.studies.widths.arms import Reading
from overparam.studies.widths.claims import error_claims, loss_claims, peak_size

READING = Reading()
_PEAK, _ERROR_PEAK, _CLEAN, _ERROR_STRONG = error_claims(READING)
_LOSS_PEAK, _LOSS_STRONG = loss_claims(READING)

CLAIMS = (
    _PEAK,
    _ERROR_PEAK,
    _CLEAN,
    _LOSS_PEAK,
    peak_size(READING, "greydanus2024"),
    _ERROR_STRONG,
    _LOSS_STRONG,
)
