"""The publications of the study on certified convergence."""

from __future__ import annotations

from overparam.study import Source

SOLTANOLKOTABI = Source(
    key="soltanolkotabi2019",
    citation="M. Soltanolkotabi, Towards demystifying overparameterization in deep learning, talk, Mathematics of "
    "Imaging Workshop 3, Institut Henri Poincare, Paris, 4 April 2019.",
    url="",
    bibtex="""@misc{soltanolkotabi2019towards,
  title        = {Towards demystifying overparameterization in deep learning},
  author       = {Soltanolkotabi, Mahdi},
  howpublished = {Talk, Mathematics of Imaging Workshop 3, Institut Henri Poincar\\'e},
  year         = {2019}
}""",
)
MODERATE = Source(
    key="oymak2020",
    citation="S. Oymak and M. Soltanolkotabi, Toward moderate overparameterization: global convergence guarantees for "
    "training shallow neural networks, IEEE Journal on Selected Areas in Information Theory 1(1):84-105, 2020.",
    url="https://arxiv.org/abs/1902.04674",
    bibtex="""@article{oymak2020moderate,
  title   = {Toward moderate overparameterization: global convergence guarantees for training shallow neural
             networks},
  author  = {Oymak, Samet and Soltanolkotabi, Mahdi},
  journal = {IEEE Journal on Selected Areas in Information Theory},
  volume  = {1},
  number  = {1},
  pages   = {84--105},
  year    = {2020}
}""",
)
SHORTEST = Source(
    key="oymak2019",
    citation="S. Oymak and M. Soltanolkotabi, Overparameterized nonlinear learning: gradient descent takes the shortest "
    "path?, ICML 2019 (the key lemma).",
    url="https://arxiv.org/abs/1812.10004",
    bibtex="""@inproceedings{oymak2019overparameterized,
  title     = {Overparameterized nonlinear learning: gradient descent takes the shortest path?},
  author    = {Oymak, Samet and Soltanolkotabi, Mahdi},
  booktitle = {International Conference on Machine Learning},
  year      = {2019},
  eprint    = {1812.10004},
  archivePrefix = {arXiv}
}""",
)
SOURCES = (SOLTANOLKOTABI, MODERATE, SHORTEST)
