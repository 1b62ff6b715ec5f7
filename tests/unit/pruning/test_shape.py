"""The shape in which a stack under masks is trained: a smaller one where it saves more than a compilation."""

import jax
import numpy as np
import pytest

from overparam.models import mlp
from overparam.pruning import Mask
from overparam.pruning.compact import compact_stack
from overparam.pruning.shape import Shape, cut_stack

LENET = mlp(784, (300, 100), 10)
WEIGHTS = jax.tree.map(lambda leaf: np.zeros(leaf.shape, "f"), jax.eval_shape(LENET.init, jax.random.key(0)))
SPARSE = [Mask.random(LENET, 0.01, seed) for seed in (0, 1)]
NEEDED = compact_stack(LENET, [WEIGHTS] * 2, SPARSE)[0].sizes
ROOMY = {"inputs": 784, "hidden1": 280, "hidden2": 100, "output": 10}
TIGHT = {**NEEDED, "hidden2": NEEDED["hidden2"] + 1}
SHAPES = {
    "full, and few steps": (10, None, None),
    "full, and many steps": (50_000, None, NEEDED),
    "full, and as much missed as a compilation": (10, Shape(missed=1.999), NEEDED),
    "cut before, and few steps": (10, Shape(ROOMY), ROOMY),
    "cut before, and many steps": (50_000, Shape(ROOMY), NEEDED),
    "cut before, and much missed": (10, Shape(ROOMY, 1.999), NEEDED),
    "cut nearly as small before": (5000, Shape(TIGHT), TIGHT),
    "as small as is possible, whatever was missed": (10, Shape(NEEDED, 1.0), NEEDED),
    "cut smaller than is possible now": (10, Shape({**ROOMY, "hidden1": 1}, 1.999), None),
    "cut smaller than is possible now, and many steps": (50_000, Shape({**ROOMY, "inputs": 1}), NEEDED),
    "another network before": (10, Shape({**ROOMY, "conv1": 3}), None),
}


@pytest.mark.parametrize(("steps", "before", "want"), SHAPES.values(), ids=SHAPES)
def test_a_stack_goes_on_in_its_shape_unless_a_smaller_one_pays(steps, before, want):
    cut, shape = cut_stack(LENET, [WEIGHTS] * 2, SPARSE, steps, 60, before)
    assert shape.sizes == (want or {})
    assert (cut is None) == (want is None)
    if cut is not None:
        assert [one.sizes for one in cut] == [want] * 2
        assert cut[0].network is cut[1].network
        assert cut[0].inputs.tolist() == cut[1].inputs.tolist()


def test_what_is_missed_adds_up_to_a_compilation():
    """Of one third of a compilation a round the fourth round is the first that is worth one."""
    fewer = compact_stack(LENET, [WEIGHTS] * 2, SPARSE)[0]
    once = 1 / (6 * (266_200 - 266_200 * (1 - fewer.saving)) * 60 * 2 / 5e10)  # steps that save a second
    shape, cuts = None, []
    for _ in range(5):
        cut, shape = cut_stack(LENET, [WEIGHTS] * 2, SPARSE, int(0.66 * once), 60, shape)
        cuts.append(cut is not None)
    assert cuts == [False, False, False, True, True]
    assert shape == Shape(NEEDED)
