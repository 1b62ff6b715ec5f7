"""The peer of ``own_products.py``: products by curvlinops and the plain gradient, run by the peers' own Python."""

import time

import common
import own_products_nets as nets
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

KEPT = {}


def versions():
    """Versions of the packages that are measured."""
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "curvlinops-for-pytorch")}


def ready(name, batch):
    """Make network and data, and call both once."""
    torch.set_num_threads(1)
    x, y = (torch.from_numpy(one) for one in nets.data(name, batch))
    net = nets.network(name)
    KEPT[name] = net, x, y
    gradient(name, 1)
    products(name, 1)


def gradient(name, number):
    """Processor seconds of so many gradients of the mean loss."""
    net, x, y = KEPT[name]
    start = time.process_time()
    for _ in range(number):
        torch.autograd.grad(nn.functional.cross_entropy(net(x), y), list(net.parameters()))
    return time.process_time() - start


def products(name, number, first=False):
    """Processor seconds of so many products with a new operator, building included; or the first numbers of one product."""
    from curvlinops import HessianLinearOperator

    net, x, y = KEPT[name]
    own = [one for one in net.parameters() if one.requires_grad]
    start = time.process_time()
    operator = HessianLinearOperator(net, nn.CrossEntropyLoss(), own, [(x, y)], check_deterministic=False)
    vector = torch.ones(operator.shape[1])
    with sdpa_kernel(
        SDPBackend.MATH
    ):  # the usual kernel has no derivative in forward mode, and the product fails
        for _ in range(number):
            found = operator @ vector
    spent = time.process_time() - start
    return [float(one) for one in found.reshape(-1)[:: max(1, len(vector) // 50)]] if first else spent


if __name__ == "__main__":
    common.serve({"versions": versions, "ready": ready, "gradient": gradient, "products": products})
