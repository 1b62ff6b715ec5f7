"""The publications behind the study on lazy training."""

from __future__ import annotations

from overparam.core import Source

SOURCES = (
    Source(
        "chizat2019",
        "L. Chizat, E. Oyallon and F. Bach, On lazy training in differentiable programming, NeurIPS 2019",
        "https://arxiv.org/abs/1812.07956",
        """@inproceedings{chizat2019lazy,
  title     = {On Lazy Training in Differentiable Programming},
  author    = {Chizat, L{\\'e}na{\\"i}c and Oyallon, Edouard and Bach, Francis},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2019},
  eprint    = {1812.07956},
  archivePrefix = {arXiv}
}""",
    ),
    Source(
        "du2019",
        "S. S. Du, X. Zhai, B. Poczos and A. Singh, Gradient descent provably optimizes over-parameterized neural "
        "networks, ICLR 2019",
        "https://arxiv.org/abs/1810.02054",
        """@inproceedings{du2019gradient,
  title     = {Gradient Descent Provably Optimizes Over-parameterized Neural Networks},
  author    = {Du, Simon S. and Zhai, Xiyu and Poczos, Barnabas and Singh, Aarti},
  booktitle = {International Conference on Learning Representations},
  year      = {2019},
  eprint    = {1810.02054},
  archivePrefix = {arXiv}
}""",
    ),
    Source(
        "jacot2018",
        "A. Jacot, F. Gabriel and C. Hongler, Neural tangent kernel: convergence and generalization in neural "
        "networks, NeurIPS 2018 (deep limits; S. Du et al., arXiv:1811.03804, ask the same of training)",
        "https://arxiv.org/abs/1806.07572",
        """@inproceedings{jacot2018neural,
  title     = {Neural Tangent Kernel: Convergence and Generalization in Neural Networks},
  author    = {Jacot, Arthur and Gabriel, Franck and Hongler, Cl{\\'e}ment},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2018},
  eprint    = {1806.07572},
  archivePrefix = {arXiv}
}""",
    ),
    Source(
        "lee2019",
        "J. Lee, L. Xiao, S. S. Schoenholz, Y. Bahri, R. Novak, J. Sohl-Dickstein and J. Pennington, Wide neural "
        "networks of any depth evolve as linear models under gradient descent, NeurIPS 2019",
        "https://arxiv.org/abs/1902.06720",
        """@inproceedings{lee2019wide,
  title     = {Wide Neural Networks of Any Depth Evolve as Linear Models Under Gradient Descent},
  author    = {Lee, Jaehoon and Xiao, Lechao and Schoenholz, Samuel S. and Bahri, Yasaman and Novak, Roman
               and Sohl-Dickstein, Jascha and Pennington, Jeffrey},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2019},
  eprint    = {1902.06720},
  archivePrefix = {arXiv}
}""",
    ),
    Source(
        "arora2019",
        "S. Arora, S. S. Du, W. Hu, Z. Li and R. Wang, Fine-grained analysis of optimization and generalization for "
        "overparameterized two-layer neural networks, ICML 2019",
        "https://arxiv.org/abs/1901.08584",
        """@inproceedings{arora2019fine,
  title     = {Fine-Grained Analysis of Optimization and Generalization for Overparameterized Two-Layer
               Neural Networks},
  author    = {Arora, Sanjeev and Du, Simon S. and Hu, Wei and Li, Zhiyuan and Wang, Ruosong},
  booktitle = {International Conference on Machine Learning},
  year      = {2019},
  eprint    = {1901.08584},
  archivePrefix = {arXiv}
}""",
    ),
    Source(
        "liang2018",
        "Y. Liang, talk on Y. Li and Y. Liang, Learning overparameterized neural networks via stochastic gradient "
        "descent on structured data, NeurIPS 2018 (random labels: training stays easy)",
        "https://arxiv.org/abs/1808.01204",
        """@inproceedings{li2018learning,
  title     = {Learning Overparameterized Neural Networks via Stochastic Gradient Descent on Structured Data},
  author    = {Li, Yuanzhi and Liang, Yingyu},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2018},
  eprint    = {1808.01204},
  archivePrefix = {arXiv}
}""",
    ),
    Source(
        "allenzhu2019",
        "Z. Allen-Zhu, Y. Li and Z. Song, A convergence theory for deep learning via over-parameterization, ICML 2019 "
        "(gradients against losses)",
        "https://arxiv.org/abs/1811.03962",
        """@inproceedings{allenzhu2019convergence,
  title     = {A Convergence Theory for Deep Learning via Over-Parameterization},
  author    = {Allen-Zhu, Zeyuan and Li, Yuanzhi and Song, Zhao},
  booktitle = {International Conference on Machine Learning},
  year      = {2019},
  eprint    = {1811.03962},
  archivePrefix = {arXiv}
}""",
    ),
)
