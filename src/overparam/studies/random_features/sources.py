"""The publications of the study on random features."""

from __future__ import annotations

from overparam.core import Source

CURTH = Source(
    key="curth2023",
    citation="A. Curth, A. Jeffares and M. van der Schaar, A U-turn on double descent: rethinking parameter "
    "counting in statistical learning, NeurIPS 2023.",
    url="https://arxiv.org/abs/2310.18988",
    bibtex="""@inproceedings{curth2023uturn,
  title     = {A {U}-turn on double descent: rethinking parameter counting in statistical learning},
  author    = {Curth, Alicia and Jeffares, Alan and van der Schaar, Mihaela},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2023},
  eprint    = {2310.18988},
  archivePrefix = {arXiv}
}""",
)
SCHAEFFER = Source(
    key="schaeffer2023",
    citation="R. Schaeffer et al., Double descent demystified: identifying, interpreting and ablating the "
    "sources of a deep learning puzzle, 2023.",
    url="https://arxiv.org/abs/2303.14151",
    bibtex="""@misc{schaeffer2023demystified,
  title  = {Double descent demystified: identifying, interpreting and ablating the sources of a deep
            learning puzzle},
  author = {Schaeffer, Rylan and others},
  year   = {2023},
  eprint = {2303.14151},
  archivePrefix = {arXiv}
}""",
)
SIMON = Source(
    key="simon2023",
    citation="J. B. Simon, D. Karkada, N. Ghosh and M. Belkin, More is better in modern machine learning: when "
    "infinite overparameterization is optimal and overfitting is obligatory, 2023.",
    url="https://arxiv.org/abs/2311.14646",
    bibtex="""@misc{simon2023more,
  title  = {More is better in modern machine learning: when infinite overparameterization is optimal and
            overfitting is obligatory},
  author = {Simon, James B. and Karkada, Dhruva and Ghosh, Nikhil and Belkin, Mikhail},
  year   = {2023},
  eprint = {2311.14646},
  archivePrefix = {arXiv}
}""",
)
