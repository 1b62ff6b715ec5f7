"""The publications of the study."""

from __future__ import annotations

from overparam.study import Source

SLIDES = Source(
    key="soltanolkotabi2019",
    citation="M. Soltanolkotabi, Towards demystifying overparameterization in deep learning, talk with S. Oymak and "
    "M. Li, Mathematics of Imaging Workshop 3, Institut Henri Poincare, Paris, 4 April 2019.",
    url="",
    bibtex="""@misc{soltanolkotabi2019towards,
  title  = {Towards demystifying overparameterization in deep learning},
  author = {Soltanolkotabi, Mahdi},
  note   = {Slides, Mathematics of Imaging Workshop 3, Institut Henri Poincare, Paris, 4 April 2019},
  year   = {2019}
}""",
)
OYMAK = Source(
    key="oymak2019",
    citation="S. Oymak and M. Soltanolkotabi, Towards moderate overparameterization: global convergence guarantees "
    "for training shallow neural networks, arXiv:1902.04674, 2019.",
    url="https://arxiv.org/abs/1902.04674",
    bibtex="""@article{oymak2019towards,
  title   = {Towards moderate overparameterization: global convergence guarantees for training shallow neural
             networks},
  author  = {Oymak, Samet and Soltanolkotabi, Mahdi},
  journal = {arXiv preprint arXiv:1902.04674},
  year    = {2019}
}""",
)
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
SOURCES = (SLIDES, OYMAK, TROPP)
