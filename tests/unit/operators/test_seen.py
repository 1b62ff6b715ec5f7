"""What a pass shows: how arrays enter products, and the inputs of ReLUs, in both back ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.operators import open_model
from overparam.operators.recorder import axis_of
from overparam.operators.seen import gates, see
from overparam.operators.unfolding import Unfolding
from tests.tiny_chains import X, numbers, ours, outputs, theirs
from tests.tiny_models import torch_or_skip

rng = np.random.default_rng(1)


def joined(model):
    parts = {}
    for batch in gates(model):
        for one in batch:
            assert one.apart
            parts.setdefault(one.name, []).append(one.values)
    return {name: np.concatenate(values) for name, values in parts.items()}


@pytest.mark.parametrize("opened", [theirs, ours])
def test_the_inputs_of_relus_are_those_of_numpy(opened):
    found = joined(opened("deep"))
    first, second = outputs(numbers("deep"))[1]
    assert [name.split()[0] for name in found] == ["relu1", "relu2"]
    for one, want in zip(found.values(), (first, second), strict=True):
        assert np.abs(one - want).max() < 1e-12


RELUS = {
    "relu": jax.nn.relu,
    "maximum": lambda z: jnp.maximum(0.0, z),
    "leaky": jax.nn.leaky_relu,
    "where": lambda z: jnp.where(z > 0, z, 0.0),
    "turned where": lambda z: jnp.where(z <= 0, 0.0, z),
    "checkpointed": jax.checkpoint(jax.nn.relu),
    "relu6": jax.nn.relu6,
}
SMOOTH = {
    "elu": jax.nn.elu,
    "celu": jax.nn.celu,
    "softplus": jax.nn.softplus,
    "gelu": jax.nn.gelu,
    "tanh": jnp.tanh,
    "variance": lambda z: z / jnp.sqrt(jnp.maximum(0.0, (z**2).mean(1) - z.mean(1) ** 2) + 1e-3)[:, None],
}


def of_jax(function):
    """The names of the ReLUs of a function, without a model: a pass of shapes."""
    from overparam.operators.jax_seen import relu_inputs

    shapes = jax.eval_shape(
        lambda p, x: relu_inputs(lambda q, z: function(z @ q["w"].T), p, x), {"w": np.ones((3, 4))}, X
    )
    return list(shapes)


@pytest.mark.parametrize("name", RELUS)
def test_a_relu_is_seen_in_every_spelling(name):
    assert len(of_jax(RELUS[name])) == 1


@pytest.mark.parametrize("name", SMOOTH)
def test_what_is_no_relu_is_none(name):
    assert of_jax(SMOOTH[name]) == []


def test_prelu_of_a_trained_slope_is_seen():
    from overparam.operators.jax_seen import relu_inputs

    def apply(params, x):
        z = x @ params["w"].T
        return jnp.where(z >= 0, z, params["slope"] * z)

    params = {"w": np.ones((3, 4)), "slope": np.full(3, 0.2)}
    assert list(jax.eval_shape(lambda p: relu_inputs(apply, p, X), params)) == ["relu1 after w"]


def test_a_relu_in_a_compiled_loop_is_refused():
    with pytest.raises(UsageError, match="inside 'scan'"):
        of_jax(lambda z: jax.lax.scan(lambda h, _: (jax.nn.relu(h), None), z, None, length=2)[0])


def test_modules_and_functions_of_torch_are_seen_and_smooth_ones_are_not():
    torch = torch_or_skip()

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.prelu = torch.nn.Linear(4, 5), torch.nn.PReLU()
            self.two = torch.nn.Linear(5, 3)

        def forward(self, x):
            z = torch.nn.functional.elu(torch.nn.functional.gelu(self.one(x)))
            z = self.prelu(torch.relu(z) - 0.1)
            return self.two(z.clamp(min=0) + torch.nn.functional.leaky_relu(z)) + torch.nn.functional.relu6(
                self.two(z)
            )

    model = open_model(Net().double(), (X, np.arange(12) % 3))
    names = [one.name for one in next(iter(gates(model)))]
    assert len(names) == 5
    assert names[0] == "relu1 after one.weight"
    before = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh()).double()
    with pytest.raises(UsageError, match="none was seen"):
        list(gates(open_model(before, (X, np.arange(12) % 3))))


def test_an_inplace_relu_gives_its_input_and_changes_nothing():
    torch = torch_or_skip()
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 5), torch.nn.ReLU(inplace=True), torch.nn.Linear(5, 3)
    ).double()
    model = open_model(net, (X, np.arange(12) % 3))
    (values,) = joined(model).values()
    want = X @ net[0].weight.detach().numpy().T + net[0].bias.detach().numpy()
    assert (want < 0).any()
    assert np.abs(values - want).max() < 1e-12


def test_convolutions_unfold_as_they_multiply():
    torch = torch_or_skip()
    image = rng.normal(size=(3, 2, 5, 5))
    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, groups=2), torch.nn.ReLU(), torch.nn.ConvTranspose2d(4, 6, 2, groups=2),
        torch.nn.Flatten(), torch.nn.Linear(96, 3),
    ).double()  # fmt: skip
    model = open_model(net, (image, np.arange(3)))
    seen = see(model).unfoldings
    kernel = net[0].weight.detach().numpy()  # (4, 1, 3, 3): two groups of one input and two outputs
    blocks = seen["0.weight"].matrices(kernel)
    assert blocks.shape == (2, 2, 9)
    patch = image[0, :, :3, :3]
    want = net[0](torch.from_numpy(image)).detach().numpy()[0, :, 0, 0] - net[0].bias.detach().numpy()
    assert np.abs(np.einsum("grc,gc->gr", blocks, patch.reshape(2, 9)).ravel() - want).max() < 1e-12
    turned = seen["2.weight"].matrices(net[2].weight.detach().numpy())  # (4, 3, 2, 2): inputs first
    assert turned.shape == (2, 3, 8)
    assert seen["4.weight"].kind == "dense"


def test_a_kernel_of_jax_is_unfolded_by_its_own_axes_and_reshapes():
    from overparam.operators.jax_seen import _walked
    from overparam.operators.recorder import Recorder

    def apply(params, x):
        maps = x.reshape(-1, 4, 4, 1)
        found = jax.lax.conv_general_dilated(
            maps, params["hwio"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        flat = found.reshape(len(x), -1)[:, :8] @ params["units"].reshape(3, -1).T
        return jnp.einsum("nf,fhk->nhk", flat, params["heads"]) @ (0.5 * params["out"])

    params = {"hwio": (3, 3, 1, 2), "units": (3, 2, 4), "heads": (3, 2, 5), "out": (5, 2)}
    given = {name: np.ones(shape) for name, shape in params.items()}
    recorder = Recorder()
    jax.eval_shape(lambda p: _walked(apply, p, {}, (np.ones((2, 16)),), {}, recorder), given)
    found = recorder.seen().unfoldings
    assert (found["hwio"].rows, found["hwio"].columns) == ((3,), (2, 0, 1))
    assert (found["units"].rows, found["units"].columns) == ((0,), (1, 2))
    assert (found["heads"].rows, found["heads"].columns) == ((1, 2), (0,))
    assert (found["out"].rows, found["out"].columns) == ((1,), (0,))


def test_an_array_that_is_changed_first_has_no_unfolding():
    from overparam.operators.jax_seen import _walked
    from overparam.operators.recorder import Recorder

    recorder = Recorder()
    jax.eval_shape(
        lambda p: _walked(lambda q, x: x @ (q["w"] ** 2).reshape(4, 6), p, {}, (X,), {}, recorder),
        {"w": np.ones((4, 2, 3))},
    )
    seen = recorder.seen()
    assert "w" not in seen.unfoldings
    assert seen.products == 1


def test_a_turned_unfolding_has_the_same_singular_values():
    how = Unfolding((0,), (1, 2), groups=2)
    array = rng.normal(size=(4, 3, 2))
    one, other = (np.linalg.svd(each.matrices(array), compute_uv=False) for each in (how, how.turned))
    assert how.same(how.turned)
    assert np.abs(one - other).max() < 1e-12
    assert not how.same(Unfolding((1,), (0, 2), groups=2))


def test_examples_are_found_by_the_axis_that_grows():
    assert axis_of((2, 5), (3, 5)) == 0
    assert axis_of((5, 2), (5, 3)) == 1
    assert axis_of((4, 5), (6, 5)) is None
    assert axis_of((5,), (5,)) is None


def test_something_else_than_a_model_is_refused():
    with pytest.raises(UsageError, match=r"expected one of open_model\(...\), got dict"):
        see({})
