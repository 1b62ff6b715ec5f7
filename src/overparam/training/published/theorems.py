"""Settings of theorems and of the experiments beside them: gradient descent, students of teachers, structured data."""

from __future__ import annotations

from overparam.models.families import named
from overparam.models.mlp import mlp
from overparam.training.published.setting import FULL, WIDTH, Build, Published
from overparam.training.published.timing import at_epochs

_OYMAK = Published(
    name="oymak-gd",
    source="Oymak, Soltanolkotabi 2020",
    citation="S. Oymak and M. Soltanolkotabi, Toward moderate overparameterization: global convergence guarantees for "
    "training shallow neural networks, IEEE Journal on Selected Areas in Information Theory 1(1):84-105, 2020, "
    "arXiv:1902.04674.",
    place="M. Soltanolkotabi's talk of 4 April 2019, slides 15 to 25",
    network="v.phi(W x), k units, W trained, v random or half + and half -; two_layer(d, k, activation='softplus', "
    "bias=False, init='normal', train_output=False) has the signs",
    data="any n examples of norm 1",
    init="W independent N(0, 1)",
    optimizer="gd",
    rate_text="at most 1/(2 beta^2) for the sum of squares, beta the largest singular value of the Jacobian near the start; "
    "n times that for loss='squared', which is a mean (the slide has lost the 1/)",
    batch=FULL,
    loss="squared",
    notes="The source's loss is the sum over examples of 1/2 (f - y)^2. overparam.certify gives beta for your data.",
    recalled=(),
    beside=("oymak-sgd", "du-gd"),
)
_LI_LIANG = Published(
    name="li-liang-synthetic",
    source="Li, Liang 2018",
    citation="Y. Li and Y. Liang, Learning overparameterized neural networks via stochastic gradient descent on structured "
    "data, NeurIPS 2018, arXiv:1808.01204.",
    place="the paper's experiments",
    network="MLP d-m-10, relu, first layer trained, the second drawn N(0, 1) and fixed; m from 500 to 16,000",
    data="10 classes of 2 components in 1,000 dimensions; means N(0, 25/d), spread N(0, 1/d)",
    n=1_000,
    init="W of sd 1/sqrt(m)",
    optimizer="sgd",
    learning_rate=lambda width: 10 / width,
    rate_text="10/m for width m",
    batch=16,
    steps=400,
    notes="A rate of order 1/m makes small movement by itself: compare with a rate of order 1.",
    recalled=("network", "data", "n", "init", "optimizer", "learning_rate", "batch", "steps", "loss"),
    beside=("li-liang-mnist",),
)
_TIAN = Published(
    name="tian-two-layer",
    source="Tian 2019",
    citation="Y. Tian, Over-parameterization as a catalyst for better generalization of deep ReLU network, arXiv:1909.13458.",
    place="its released code, facebookresearch/luckmatters, student_specialization, commit 625b5f7",
    network="MLP 100-n-50, a student with relu and n = 1, 2, 5 or 10 times the teacher's 5, 10 or 20 units",
    data="10,000 inputs N(0, 2.25) in 100 dimensions; outputs of a teacher whose node i has its fan-out divided by "
    "(i + 1)^p, p from 0 to 2.5",
    n=10_000,
    augmentation="none",
    init="weights N(0, 0.005^2), biases 0",
    optimizer="sgd",
    learning_rate=0.01,
    momentum=0.0,
    batch=16,
    sampling="replacement",
    steps=100_000,
    loss="squared",
    notes="100 rounds of 1,000 steps, called epochs. Double precision. The teacher's grid of weights is missing in the code.",
    beside=("tian-multilayer",),
)

THEOREMS = (
    _OYMAK,
    _OYMAK.but(
        "oymak-sgd",
        optimizer="sgd",
        rate_text="not on the slides; a rate of order d/n^2 in the bound",
        batch=1,
        sampling="replacement",
        notes="One example a step.",
        recalled=("sampling",),
        beside=("oymak-gd",),
    ),
    _OYMAK.but(
        "least-squares-gd",
        source="Soltanolkotabi 2019",
        citation="M. Soltanolkotabi, Towards demystifying overparameterization in deep learning, talk, Institut Henri "
        "Poincare, 4 April 2019.",
        place="slide 23",
        network="linear in p >= n parameters; linear(p, 1, bias=False)",
        data="any n rows of full rank",
        init="any",
        rate_text="below 2/||X||^2 for the sum of squares, n times that for loss='squared'; at most half of it for a monotone "
        "path",
        notes="Converges to the solution nearest to the start.",
        beside=("oymak-gd",),
    ),
    Published(
        name="du-gd",
        source="Du et al. 2019",
        citation="S. S. Du, X. Zhai, B. Poczos and A. Singh, Gradient descent provably optimizes over-parameterized neural "
        "networks, ICLR 2019, arXiv:1810.02054.",
        place="the paper's theorem 3.1 and figure 1",
        network="two layers, 1/sqrt(m) sum of a_r relu(w_r.x) with m units, a_r = +-1 fixed",
        build=Build(named, ("two-layer-signs", (1000,), 1), {"width": WIDTH}),
        data="1,000 points on the sphere in 1,000 dimensions, targets N(0, 1)",
        n=1_000,
        init="w independent N(0, I)",
        optimizer="gd",
        rate_text="of order lambda_0/n^2 in the theorem, for the sum of squares; in the figure not known here",
        batch=FULL,
        epochs=100,
        loss="squared",
        notes="The length is that of the figure. Theorem: ||u_t - y||^2 falls by 1 - rate lambda_0/2 a step.",
        recalled=("network", "data", "n", "init", "optimizer", "learning_rate", "batch", "epochs", "loss"),
        beside=("oymak-gd", "allen-zhu-gd"),
    ),
    Published(
        name="allen-zhu-gd",
        source="Allen-Zhu et al. 2019",
        citation="Z. Allen-Zhu, Y. Li and Z. Song, A convergence theory for deep learning via over-parameterization, ICML "
        "2019, arXiv:1811.03962.",
        place="the paper's theorem 1 (theorem 2 for SGD)",
        network="deep MLP, relu, depth L, width m, first and last layer fixed; named('deep-mlp', (d,), outputs, "
        "width=m, depth=L)",
        data="n examples of norm 1, any two at least delta apart",
        init="N(0, 2/m), the last layer N(0, 1/outputs)",
        optimizer="gd",
        rate_text="of order d delta/(poly(n, L) m), with no constants given",
        batch=FULL,
        loss="squared",
        notes="Holds for cross-entropy and for SGD too.",
        recalled=("network", "data", "init", "optimizer", "learning_rate", "batch", "loss"),
        beside=("du-gd",),
    ),
    Published(
        name="ma-sgd",
        source="Ma, Bassily, Belkin 2018",
        citation="S. Ma, R. Bassily and M. Belkin, The power of interpolation: understanding the effectiveness of SGD in "
        "modern over-parametrized learning, ICML 2018, arXiv:1712.06559.",
        place="the paper's theorem on quadratic losses",
        network="linear, or a kernel",
        data="any that can be interpolated",
        optimizer="sgd",
        rate_text="for a batch m: m/(beta + (m - 1) l_n) up to m* = beta/(l_1 - l_n) + 1, then 2m/(beta + (m - 1)(l_1 + "
        "l_n)); beta the largest |x_i|^2, l the eigenvalues of X^T X/n",
        sampling="replacement",
        loss="squared",
        notes="Beyond m* a larger batch saves no steps. overparam.sgd_curve gives the expected curve for your data.",
        recalled=("sampling", "loss", "optimizer"),
        beside=("oymak-sgd",),
    ),
    _LI_LIANG,
    _LI_LIANG.but(
        "li-liang-mnist",
        data="MNIST",
        n=None,
        learning_rate=lambda width: 4e3 / width,
        rate_text="4,000/m for width m",
        batch=64,
        steps=20_000,
        recalled=("network", "data", "init", "optimizer", "learning_rate", "batch", "steps", "loss"),
        beside=("li-liang-synthetic",),
    ),
    _TIAN,
    _TIAN.but(
        "tian-multilayer",
        network="MLP 20-500-750-1000-1250-100, a student with relu, ten times its teacher",
        build=Build(mlp, (20, (500, 750, 1000, 1250), 100), {"init": "torch"}),
        data="200,000 inputs N(0, 100) in 20 dimensions; outputs of a teacher 50-75-100-125, standardised",
        n=200_000,
        init="torch's default",
        learning_rate=0.2,
        batch=64,
        sampling="epochs",
        schedule=at_epochs(20, factor=0.5),
        steps=None,
        epochs=100,
        loss_share=2 / 100,
        notes="Their loss is the mean over 100 outputs, 2/100 of loss='squared'; so the rate here is 0.004. student_scale_down "
        "in the code is undone at the start of a trial.",
        recalled=("momentum", "sampling"),
        beside=("tian-two-layer",),
    ),
)
