"""The publications of the studies of sample-wise double descent."""

from __future__ import annotations

from overparam.core import Source

NAKKIRAN_2019 = Source(
    key="nakkiran2019",
    citation="P. Nakkiran, More data can hurt for linear regression: sample-wise double descent, 2019.",
    url="https://arxiv.org/abs/1912.07242",
    bibtex="""@misc{nakkiran2019more,
  title = {More Data Can Hurt for Linear Regression: Sample-wise Double Descent},
  author = {Nakkiran, Preetum},
  year = {2019},
  eprint = {1912.07242},
  archivePrefix = {arXiv}
}""",
)
NAKKIRAN_2021 = Source(
    key="nakkiran2021",
    citation="P. Nakkiran, P. Venkat, S. Kakade and T. Ma, Optimal regularization can mitigate double descent, "
    "ICLR 2021.",
    url="https://arxiv.org/abs/2003.01897",
    bibtex="""@inproceedings{nakkiran2021optimal,
  title = {Optimal Regularization Can Mitigate Double Descent},
  author = {Nakkiran, Preetum and Venkat, Prayaag and Kakade, Sham and Ma, Tengyu},
  booktitle = {International Conference on Learning Representations},
  year = {2021},
  eprint = {2003.01897},
  archivePrefix = {arXiv}
}""",
)
BELKIN_2020 = Source(
    key="belkin2020",
    citation="M. Belkin, D. Hsu and J. Xu, Two models of double descent for weak features, SIAM Journal on "
    "Mathematics of Data Science 2(4):1167-1180, 2020 (the theory line).",
    url="https://arxiv.org/abs/1903.07571",
    bibtex="""@article{belkin2020two,
  title   = {Two Models of Double Descent for Weak Features},
  author  = {Belkin, Mikhail and Hsu, Daniel and Xu, Ji},
  journal = {SIAM Journal on Mathematics of Data Science},
  volume  = {2},
  number  = {4},
  pages   = {1167--1180},
  year    = {2020},
  eprint  = {1903.07571},
  archivePrefix = {arXiv}
}""",
)
