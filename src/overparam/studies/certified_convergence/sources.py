"""The publications of the study on certified convergence."""

from __future__ import annotations

from overparam.studies.sources import MODERATE, SHORTEST, SOLTANOLKOTABI

SOURCES = (SOLTANOLKOTABI, MODERATE, SHORTEST)
