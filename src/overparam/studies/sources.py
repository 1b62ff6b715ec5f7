"""Publications that several studies answer to."""

from __future__ import annotations

from overparam.core import Source

BELKIN = Source(
    key="belkin2019",
    citation="M. Belkin, D. Hsu, S. Ma and S. Mandal, Reconciling modern machine-learning practice and the "
    "classical bias-variance trade-off, PNAS 116(32):15849-15854, 2019.",
    url="https://doi.org/10.1073/pnas.1903070116",
    bibtex="""@article{belkin2019reconciling,
  title   = {Reconciling modern machine-learning practice and the classical bias-variance trade-off},
  author  = {Belkin, Mikhail and Hsu, Daniel and Ma, Siyuan and Mandal, Soumik},
  journal = {Proceedings of the National Academy of Sciences},
  volume  = {116},
  number  = {32},
  pages   = {15849--15854},
  year    = {2019},
  doi     = {10.1073/pnas.1903070116}
}""",
)
NAKKIRAN = Source(
    "nakkiran2020",
    "P. Nakkiran, G. Kaplun, Y. Bansal, T. Yang, B. Barak, I. Sutskever, Deep double descent: where bigger "
    "models and more data hurt, ICLR 2020",
    "https://arxiv.org/abs/1912.02292",
    """@inproceedings{nakkiran2020deep,
  title = {Deep Double Descent: Where Bigger Models and More Data Hurt},
  author = {Nakkiran, Preetum and Kaplun, Gal and Bansal, Yamini and Yang, Tristan and Barak, Boaz
            and Sutskever, Ilya},
  booktitle = {International Conference on Learning Representations},
  year = {2020},
  eprint = {1912.02292},
  archivePrefix = {arXiv}
}""",
)
GREYDANUS = Source(
    "greydanus2024",
    "S. Greydanus, D. Kobak, Scaling down deep learning with MNIST-1D, ICML 2024 (the data and the small "
    "setting)",
    "https://arxiv.org/abs/2011.14439",
    """@inproceedings{greydanus2024scaling,
  title = {Scaling Down Deep Learning with {MNIST-1D}},
  author = {Greydanus, Sam and Kobak, Dmitry},
  booktitle = {International Conference on Machine Learning},
  year = {2024},
  eprint = {2011.14439},
  archivePrefix = {arXiv}
}""",
)
SOLTANOLKOTABI = Source(
    "soltanolkotabi2019",
    "M. Soltanolkotabi, Towards demystifying overparameterization in deep learning, talk with S. Oymak and M. Li, "
    "Mathematics of Imaging Workshop 3, Institut Henri Poincaré, Paris, 4 April 2019.",
    "",
    """@misc{soltanolkotabi2019towards,
  title = {Towards Demystifying Overparameterization in Deep Learning},
  author = {Soltanolkotabi, Mahdi},
  howpublished = {Talk, Mathematics of Imaging Workshop 3, Institut Henri Poincar{\\'e}, Paris},
  year = {2019}
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
