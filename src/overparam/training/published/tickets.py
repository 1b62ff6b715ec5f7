"""Settings of the sources on lottery tickets: LeNet-300-100, Conv-2, -4 and -6, residual networks and VGG."""

from __future__ import annotations

from overparam.models.families import named
from overparam.training.published.setting import Build, Published
from overparam.training.published.timing import CONSTANT, at_epochs, at_steps

_LENET = Build(named, ("lenet-300-100", (28, 28), 10), {"init": "glorot_normal"})
_WEIGHTS = {2: "4,300,992", 4: "2,425,024", 6: "2,261,184"}


def _conv(depth: int) -> Build:
    return Build(named, (f"conv{depth}", (32, 32, 3), 10), {"init": "glorot_normal"})


_FRANKLE = Published(
    name="lottery-lenet",
    source="Frankle, Carbin 2019",
    citation="J. Frankle and M. Carbin, The lottery ticket hypothesis: finding sparse, trainable neural networks, ICLR 2019, "
    "arXiv:1803.03635.",
    place="figure 2 of the paper, as its users quote it",
    network="LeNet-300-100, 266,200 weights without biases",
    build=_LENET,
    data="MNIST, 55,000 images to train and 5,000 for validation",
    n=55_000,
    augmentation="none",
    init="Glorot's normal law",
    optimizer="adam",
    learning_rate=1.2e-3,
    batch=60,
    schedule=CONSTANT,
    steps=50_000,
    pruning="by magnitude within layers, a fifth a round, a tenth of the output's; rewound to the start",
    notes="Adam and this rate are the paper's; its authors' released code has SGD (google-lenet), and open_lth another one.",
    recalled=("data", "n", "batch", "steps", "init", "schedule", "augmentation", "pruning", "loss"),
    beside=("zhou-lenet", "google-lenet", "open-lth-lenet"),
)
_ALL_RECALLED = (
    "network", "data", "n", "augmentation", "init", "optimizer", "learning_rate", "momentum", "weight_decay", "batch",
    "schedule", "steps", "pruning", "loss",
)  # fmt: skip
_FRANKLE_CONV = _FRANKLE.but(
    "lottery-conv2",
    network=f"Conv-2, {_WEIGHTS[2]} weights without biases",
    build=_conv(2),
    data="CIFAR-10, 45,000 images to train and 5,000 for validation",
    n=45_000,
    learning_rate=2e-4,
    steps=20_000,
    pruning="by magnitude within layers, a round takes a tenth of a convolution, a fifth of a dense layer, a tenth of the "
    "output's; rewound to the start",
    notes="Rates differ between the three: 2e-4, 3e-4, 3e-4.",
    recalled=(
        "data",
        "n",
        "batch",
        "steps",
        "init",
        "schedule",
        "augmentation",
        "learning_rate",
        "pruning",
        "loss",
    ),
    beside=("zhou-conv2", "lottery-conv4", "lottery-conv6"),
)
_FRANKLE_DEEP = _FRANKLE.but(
    "lottery-resnet18",
    network="Resnet-18, as the paper calls the residual network of 20 layers for CIFAR-10",
    build=None,
    data="CIFAR-10, 45,000 images to train and 5,000 for validation",
    n=45_000,
    augmentation="crop with 4 pixels of padding and flip",
    optimizer="sgd",
    learning_rate=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    batch=128,
    schedule=at_steps(20_000, 25_000),
    steps=30_000,
    pruning="by magnitude over all convolutions together, a fifth a round; rewound to the start",
    notes="No ticket is found at the rate 0.1; at 0.01, or at 0.03 with a rise over 20,000 steps, there is one.",
    recalled=_ALL_RECALLED,
    beside=("lottery-resnet18-warm", "open-lth-resnet20"),
)
_ZHOU = _FRANKLE.but(
    "zhou-lenet",
    source="Zhou et al. 2019",
    citation="H. Zhou, J. Lan, R. Liu and J. Yosinski, Deconstructing lottery tickets: zeros, signs, and the supermask, "
    "NeurIPS 2019, arXiv:1905.01067.",
    place="its released code, uber-research/deconstructing-lottery-tickets, commit dbad201",
    data="MNIST, pixels / 255, 55,000 images to train and 5,000 for validation",
    init="Glorot's normal law, truncated, as Keras has it; biases 0",
    weight_decay=0.0,
    steps=None,
    epochs=55,
    pruning="24 rounds by a criterion within layers: .8 of hidden layers stay, .9 of the output's; biases are never pruned",
    notes="50,380 steps in all. Measured every 100 steps.",
    recalled=("loss",),
    beside=("lottery-lenet", "google-lenet", "open-lth-lenet", "supermask-lenet"),
)


def _zhou_conv(depth: int, rate: float, epochs: int, kept: str) -> Published:
    return _ZHOU.but(
        f"zhou-conv{depth}",
        network=f"Conv-{depth}, {_WEIGHTS[depth]} weights without biases",
        build=_conv(depth),
        data="CIFAR-10, pixels / 255, 45,000 images to train and 5,000 for validation",
        n=45_000,
        learning_rate=rate,
        epochs=epochs,
        pruning=f"24 rounds by a criterion within layers: {kept} of convolutions stay, .8 of dense layers, .9 of the output's",
        notes=f"{epochs * 750:,} steps in all.",
        beside=(f"lottery-conv{depth}",),
    )


_OPEN_LTH = Published(
    name="open-lth-lenet",
    source="code of J. Frankle",
    citation="github.com/facebookresearch/open_lth, by the first author of Frankle and Carbin 2019.",
    place="its defaults, commit 2ce732f",
    network="LeNet-300-100",
    build=Build(named, ("lenet-300-100", (28, 28), 10), {"init": "he"}),
    data="MNIST, standardised (0.1307, 0.3081), 60,000 images",
    n=60_000,
    augmentation="none",
    init="N(0, 2/fan_in); biases as torch draws them, which are 0 in the call",
    optimizer="sgd",
    learning_rate=0.1,
    momentum=0.0,
    weight_decay=0.0,
    batch=128,
    schedule=CONSTANT,
    epochs=40,
    pruning="by magnitude over all layers together, a fifth a round; the output layer never",
    recalled=("n", "momentum", "weight_decay", "schedule", "augmentation", "loss"),
    beside=("lottery-lenet", "zhou-lenet", "google-lenet"),
)
_OPEN_LTH_DEEP = _OPEN_LTH.but(
    "open-lth-resnet20",
    place="its defaults, models/cifar_resnet.py",
    network="ResNet-20, 16-32-64 channels",
    build=None,
    data="CIFAR-10, 50,000 images",
    n=50_000,
    augmentation="crop with 4 pixels of padding and flip",
    init="N(0, 2/fan_in); scales of normalisations uniform on (0, 1)",
    momentum=0.9,
    weight_decay=1e-4,
    schedule=at_epochs(80, 120),
    epochs=160,
    pruning="by magnitude over all layers together, a fifth a round",
    notes="The network of instability analysis (Frankle et al. 2020) and of the early phase (Frankle, Schwab, Morcos 2020).",
    recalled=("n", "augmentation", "loss"),
    beside=("lottery-resnet18", "open-lth-vgg16"),
)

TICKETS = (
    _FRANKLE,
    _ZHOU,
    _FRANKLE.but(
        "google-lenet",
        source="code of J. Frankle",
        citation="github.com/google-research/lottery-ticket-hypothesis, by the first author of Frankle and Carbin 2019.",
        place="its mnist_fc/constants.py, mnist_fc/lottery_experiment.py and datasets/dataset_mnist.py",
        build=Build(named, ("lenet-300-100", (28, 28), 10)),
        data="MNIST, every image divided by its norm, 60,000 images",
        n=60_000,
        init=None,
        optimizer="sgd",
        learning_rate=0.1,
        batch=64,
        pruning="30 rounds by magnitude within layers: a fifth of hidden layers, a tenth of the output's",
        notes="Which of the two the paper used is asked in its issue 15: the paper says Adam and 1.2e-3.",
        recalled=("n", "schedule"),
        beside=("lottery-lenet", "zhou-lenet", "open-lth-lenet"),
    ),
    _OPEN_LTH,
    _FRANKLE_CONV,
    _zhou_conv(2, 2e-4, 27, ".9"),
    _FRANKLE_CONV.but(
        "lottery-conv4",
        network=f"Conv-4, {_WEIGHTS[4]} weights without biases",
        build=_conv(4),
        learning_rate=3e-4,
        steps=25_000,
        beside=("zhou-conv4", "lottery-conv2", "lottery-conv6"),
    ),
    _zhou_conv(4, 3e-4, 34, ".9"),
    _FRANKLE_CONV.but(
        "lottery-conv6",
        network=f"Conv-6, {_WEIGHTS[6]} weights without biases",
        build=_conv(6),
        learning_rate=3e-4,
        steps=30_000,
        pruning="by magnitude within layers, a round takes 15 % of a convolution, a fifth of a dense layer, a tenth of the "
        "output's; rewound to the start",
        beside=("zhou-conv6", "lottery-conv2", "lottery-conv4"),
    ),
    _zhou_conv(6, 3e-4, 40, ".85"),
    _FRANKLE_DEEP,
    _FRANKLE_DEEP.but(
        "lottery-resnet18-warm",
        learning_rate=0.03,
        schedule=at_steps(20_000, 25_000, warmup=20_000),
        notes="The rise is linear.",
        beside=("lottery-resnet18",),
    ),
    _FRANKLE_DEEP.but(
        "lottery-vgg19",
        network="VGG-19, for CIFAR-10",
        batch=64,
        schedule=at_steps(56_240, 84_360),
        steps=112_480,
        notes="160 epochs. No ticket is found at the rate 0.1; at 0.01, or at 0.1 with a rise over 10,000 steps, there is one.",
        beside=("lottery-vgg19-warm", "open-lth-vgg16"),
    ),
    _FRANKLE_DEEP.but(
        "lottery-vgg19-warm",
        network="VGG-19, for CIFAR-10",
        batch=64,
        schedule=at_steps(56_240, 84_360, warmup=10_000),
        steps=112_480,
        notes="160 epochs. The rise is linear.",
        beside=("lottery-vgg19",),
    ),
    _OPEN_LTH_DEEP,
    _OPEN_LTH_DEEP.but(
        "open-lth-vgg16",
        place="its defaults, commit 2ce732f",
        network="VGG-16, for CIFAR-10",
        pruning="by magnitude over all layers together, a fifth a round; the output layer never",
        notes="The network of instability analysis (Frankle et al. 2020).",
        beside=("lottery-vgg19", "open-lth-resnet20"),
    ),
    Published(
        name="mnist1d-ticket",
        source="Greydanus, Kobak 2024",
        citation="S. Greydanus and D. Kobak, Scaling down deep learning with MNIST-1D, ICML 2024, arXiv:2011.14439.",
        place="notebooks/lottery-tickets.ipynb and notebooks/train.py of github.com/greydanus/mnist1d",
        network="MLP 40-500-500-10, relu, the second layer added to the first",
        data="MNIST-1D, 4,000 signals to train",
        n=4_000,
        augmentation="none",
        init="torch's default",
        optimizer="adam",
        learning_rate=2e-2,
        weight_decay=0.0,
        batch=100,
        schedule=CONSTANT,
        steps=1_502,
        pruning="by magnitude within layers, 100 levels from 0 to 100 % removed, evenly; rewound to the start",
        notes="Their total_steps is 1501, and the loop takes one step more. Batches come in one fixed order, never shuffled.",
        beside=("mnist1d-mlp", "lottery-lenet"),
    ),
)
