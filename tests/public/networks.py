"""Lines of the table for the networks of the sources."""

from __future__ import annotations

from tests.public.case import Case

CASES: dict[str, Case] = {
    "models.alexnet.alexnet": Case(
        {"shape": (5, 5), "outputs": 2, "width": 1, "dropout": 0.25, "init": "glorot"},
        sizes="outputs width", numbers="dropout", choices="init", other={"init": "initialisation"},
    ),
    "models.deep.deep_mlp": Case({"inputs": 3, "width": 4, "depth": 2, "outputs": 2}, sizes="inputs width depth outputs"),
    "models.families.named": Case(
        {"name": "mlp", "shape": (3,), "outputs": 2, "width": 4, "depth": 2}, sizes="outputs width depth", choices="name",
        other={"name": "network"},
    ),
    "models.five_layer.cnn5": Case(
        {"shape": (4, 4), "width": 1, "outputs": 2, "pools": (2,), "norm": "batch", "init": "torch"},
        sizes="outputs width", choices="norm init", other={"init": "initialisation"},
    ),
    "models.inception.inception": Case(
        {"shape": (8, 8), "outputs": 2, "width": 1, "norm": "none", "init": "glorot"},
        sizes="outputs width", choices="norm init", other={"init": "initialisation"},
    ),
    "models.lenet.cuda_convnet": Case(
        {"shape": (12, 12), "outputs": 2, "width": 1, "init": "he"},
        sizes="outputs width", choices="init", other={"init": "initialisation"},
    ),
    "models.lenet.lenet5": Case(
        {"shape": (16, 16), "outputs": 2, "width": 1, "init": "he"},
        sizes="outputs width", choices="init", other={"init": "initialisation"},
    ),
    "models.plain.plain": Case(
        {"shape": (4, 4), "channels": (1,), "dense": (2,), "outputs": 2, "norm": "layer", "dropout": 0.5, "pool_every": 1,
         "activation": "relu", "init": "torch"},
        sizes="outputs pool_every", numbers="dropout", choices="norm activation init", other={"init": "initialisation"},
    ),
    "models.resnet.resnet": Case(
        {"shape": (4, 4), "width": 1, "outputs": 2, "blocks": (1,), "first": 2, "norm": "none", "dropout": 0.5, "init": "he"},
        sizes="width outputs first", numbers="dropout", choices="norm init", other={"init": "initialisation"},
    ),
    "models.resnet_cifar.resnet_cifar": Case(
        {"shape": (8, 8), "depth": 8, "outputs": 2, "width": 1, "norm": "layer", "init": "he"},
        sizes="depth outputs width", choices="norm init", other={"init": "initialisation"},
    ),
}  # fmt: skip
