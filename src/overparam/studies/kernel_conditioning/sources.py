"""The publications of the study."""

from __future__ import annotations

from overparam.core import Source
from overparam.studies.sources import MODERATE, SOLTANOLKOTABI

TROPP = Source(
    key="tropp2012",
    citation="J. A. Tropp, User-friendly tail bounds for sums of random matrices, Foundations of Computational "
    "Mathematics 12:389-434, 2012 (the constant of the width).",
    url="https://arxiv.org/abs/1004.4389",
    bibtex="""@article{tropp2012user,
  title   = {User-friendly tail bounds for sums of random matrices},
  author  = {Tropp, Joel A.},
  journal = {Foundations of Computational Mathematics},
  volume  = {12},
  pages   = {389--434},
  year    = {2012}
}""",
)
SOURCES = (SOLTANOLKOTABI, MODERATE, TROPP)
