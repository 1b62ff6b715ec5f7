"""The networks of Frankle and Carbin from one room: the same weights that three studies and the variants always drew."""

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.core.pairs import NETWORKS, weights_and_products
from overparam.models import cnn, mlp, named
from overparam.models.frankle import frankle
from overparam.pruning import Mask, variant

# from the code of each place before it was one: number of weights, their length, their sum weighted by cos 0, cos 1, ...
DRAWN = {
    ("fc", 1.0, "glorot_normal", True): (50610, 16.572951, -9.814181),
    ("conv2", 1.0, "glorot_normal", True): (368330, 27.458374, -5.504123),
    ("conv4", 1.0, "glorot_normal", True): (458698, 29.947157, -16.604591),
    ("conv6", 1.0, "glorot_normal", True): (1278410, 35.152781, -16.664286),
    ("fc", 0.1, "he", False): (2320, 10.346760, -7.434617),
    ("fc", 0.3, "he", False): (8760, 16.316599, -6.029450),
    ("conv2", 0.1, "he", False): (3810, 12.271387, 1.263836),
    ("conv4", 0.3, "he", False): (41317, 23.681790, -0.369026),
    ("conv6", 0.1, "he", False): (13339, 17.382104, -4.796006),
}


def marks(params):
    """Number, length and a sum of weights of which each has its own factor, so another order or one other weight shows."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    named_leaves = sorted(
        ((jax.tree_util.keystr(path), np.asarray(one, np.float64).ravel()) for path, one in leaves),
        key=lambda pair: pair[0],
    )
    flat = np.concatenate([one for _, one in named_leaves])
    return flat.size, float(np.linalg.norm(flat)), float(flat @ np.cos(np.arange(flat.size)))


@pytest.mark.parametrize(("name", "factor", "init", "bias"), DRAWN)
def test_weights_are_those_that_were_always_drawn(name, factor, init, bias):
    network = frankle(name, (8, 8), 10, factor=factor, init=init, bias=bias)
    drawn = jax.jit(network.init)(jax.random.key(7))
    size, length, weighted = marks(drawn)
    assert size == DRAWN[name, factor, init, bias][0]
    # a compiler may round each weight otherwise, by some 1e-7 of it; another draw moves the sum by its length
    assert (length, weighted) == pytest.approx(DRAWN[name, factor, init, bias][1:], abs=2e-6 * length)


def test_every_place_has_the_same_network():
    from overparam.studies import edge_popup, supermasks
    from overparam.studies.ticket_transfer_work import network_of

    class Images:
        image, classes = (8, 8), 10

    class Colours:
        image, classes = (32, 32, 3), 10

    for name in NETWORKS:
        own = frankle(name, (8, 8), 10)
        assert own is supermasks.network(name, Images)
        assert own is network_of("lenet" if name == "fc" else name, (8, 8), 10)
        assert own is named("lenet-300-100" if name == "fc" else name, (8, 8), 10)
        wide = edge_popup.network(name, Images, 0.3)
        assert wide is frankle(name, (8, 8), 10, factor=0.3, init="he", bias=False)
    assert variant("zhou2019").network("conv4") is supermasks.network("conv4", Colours)
    assert variant("zhou2019").network("fc") is frankle("fc", (28, 28), 10)
    assert frankle("fc", (8, 8), 10) is mlp(64, (300, 100), 10, init="glorot_normal")
    pairs = cnn((8, 8), (64, 64, 128, 128), 10, dense=(256, 256), init="glorot_normal")
    assert frankle("conv4", (8, 8), 10) is pairs


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("shape", "factor"), [((32, 32, 3), 1.0), ((8, 12), 0.3), ((9, 9, 2), 0.1)])
def test_counts_are_those_of_the_network(name, shape, factor):
    weights, products = weights_and_products(name, shape, 10, factor)
    assert weights == Mask.full(frankle(name, shape, 10, factor=factor)).total
    assert products >= weights


def test_products_are_those_counted_by_hand():
    # two convolutions of 2 channels on 4 x 6 pixels, pooled to 2 x 3, then 8 and 8 units and 10 outputs
    assert weights_and_products("conv2", (4, 6), 10, 1 / 32) == (
        9 * 2 + 9 * 4 + 12 * 8 + 64 + 80,
        24 * (9 * 2 + 9 * 4) + 12 * 8 + 64 + 80,
    )


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("conv2", (40,), "needs images"),
        ("conv4", (784,), "save x in the shape of images"),
        ("conv6", (4, 4), "larger images"),
        ("conv3", (8, 8), "conv2"),
        (None, (8, 8), "network"),
    ],
)
def test_what_is_no_image_is_refused(name, shape, said):
    with pytest.raises(UsageError, match=said):
        frankle(name, shape, 10)
