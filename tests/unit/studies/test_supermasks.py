"""The study on supermasks: what a cell holds, its columns against the networks themselves, and its remark."""

import numpy as np
import pytest

from overparam.core.claim import Evidence
from overparam.studies.supermasks import (
    COLUMNS,
    LEARNED,
    PUBLISHED,
    STUDY,
    estimate,
    network,
    sizes,
    table,
    untrained,
)

SMALL = {"n": 200, "dense_steps": 60, "steps": 20, "batch": 50, "rounds": (0, 6), "dense_rate": 5e-3}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


@pytest.mark.slow
def test_a_cell_has_every_column():
    told = []
    found = STUDY.work([cell(seed=1000), cell(seed=1001)], told.append)
    assert told == sorted(told)
    for one in found:
        assert set(one.values) == set(STUDY.values)
        assert one.values["accuracy"] == [one.values[name] for name in COLUMNS]
        assert one.values["published"] == list(PUBLISHED["fc"])
        assert one.values["density"] == sorted(one.values["density"])
        assert one.values["density"][-1] == 1.0
        assert one.values["trained"] > 60
        # where all weights are kept the mask changes nothing
        assert one.values["one_shot_init"][-1] == one.values["one_shot_random"][-1]
        assert all(0 < one.values[f"density_{name}"] < 1 for name in LEARNED)
    first, second = (one.values for one in found)
    assert first["one_shot_constant"] != second["one_shot_constant"]


def test_the_best_is_chosen_on_training_images_alone():
    class Data:
        image, classes = (4,), 3

    plain = network("fc", Data)
    import jax

    start, end = (jax.device_get(jax.jit(plain.init)(jax.random.key(i))) for i in (0, 1))
    seen = []

    def accuracy(params, on):
        seen.append(on)
        kept = float(np.mean(params["hidden1"]["weight"] != 0))
        return 100 * (1 - kept) if on == "few" else 100 * kept

    found = untrained(cell(seed=1000), plain, start, end, accuracy)
    assert found["density_mask_init"] == found["density"][0] < 0.3
    assert found["mask_init"] == found["random_mask_init"] == pytest.approx(100 * 0.8**6, abs=0.1)
    assert seen.count("tests") == 2 * 2 * 2 + 4
    assert found["one_shot_init"][-1] == 100


def test_sizes_are_those_of_the_networks():
    from overparam.pruning import Mask

    class Digits:
        image, classes = (8, 8), 10

    class Images:
        image, classes = (32, 32, 3), 10

    assert sizes(cell(seed=0))[0] == Mask.full(network("fc", Digits)).total
    for name in ("conv2", "conv4", "conv6"):
        assert sizes(cell(seed=0, network=name, data="cifar10"))[0] == Mask.full(network(name, Images)).total


def test_the_published_length_is_told_to_take_hours():
    paper = {name: values[0] for name, values in STUDY.profiles["paper"].axes.items() if name != "rounds"}
    quick = {name: values[0] for name, values in STUDY.profiles["quick"].axes.items() if name != "rounds"}
    assert estimate(cell(**paper)).seconds > 3600
    assert estimate(cell(**quick)).seconds < 20


def test_the_remark_puts_published_numbers_beside_ours():
    rows = tuple(({"network": "fc", "seed": i}, dict.fromkeys(COLUMNS, 90.0 + i)) for i in range(3))

    class View:
        def rows(self):
            return Evidence(rows).rows

    told = table(View())
    assert "mask init 91.0 (" in told
    assert all(f"published {number}" in told for number in PUBLISHED["fc"])
