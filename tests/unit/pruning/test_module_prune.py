"""Models of any framework pruned: one mask from every back end, oracles, formats, data of any form, what is refused."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, UsageError
from overparam.models import mlp
from overparam.operators import open_model
from overparam.pruning import Mask
from overparam.pruning.module_fit import right_labels
from overparam.pruning.module_format import subject_of
from overparam.pruning.module_scores import gradient_scores, grasp_scores

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 5))
Y = np.argmax(X[:, :3], axis=1)
SHAPES = {"0": (7, 5), "2": (3, 7)}
PARAMS = {
    name: {"weight": RNG.normal(size=shape) / 2, "bias": RNG.normal(size=shape[0]) / 5}
    for name, shape in SHAPES.items()
}


def apply(params, x):
    hidden = jnp.tanh(x @ params["0"]["weight"].T + params["0"]["bias"])
    return hidden @ params["2"]["weight"].T + params["2"]["bias"]


def module(torch):
    net = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3)).double()
    net.load_state_dict(
        {f"{a}.{b}": torch.from_numpy(v.copy()) for a, own in PARAMS.items() for b, v in own.items()}
    )
    return net


def full(subject):
    return Mask({name: np.ones(subject.arrays[name].shape) for name in subject.weights})


@pytest.mark.slow
def test_the_scores_of_both_back_ends_agree():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")
    for rule in (gradient_scores, grasp_scores):
        found = []
        for model, params in ((module(torch), None), (apply, PARAMS)):
            subject = subject_of(model, params)
            opened = open_model(model, (X, Y), params=params)
            found.append(rule(opened, subject.arrays, full(subject)))
        for path in ("0.weight", "2.weight"):
            one, other = found[0][path], found[1][path.replace(".", "/")]
            assert np.abs(one - other).max() <= 1e-10 * np.abs(other).max()


@pytest.mark.slow
def test_grasp_is_minus_w_h_g_of_the_cooled_loss_over_the_sum():
    subject = subject_of(apply, PARAMS)
    with jax.enable_x64(True):
        flat, back = jax.flatten_util.ravel_pytree(jax.tree.map(jnp.asarray, PARAMS))
        x = jnp.asarray(X)

        def loss(vector):
            outputs = apply(back(vector), x) / 200.0
            return jnp.mean(jax.nn.logsumexp(outputs, axis=1) - outputs[jnp.arange(24), Y])

        curved = jax.hessian(loss)(flat) @ jax.grad(loss)(flat)
        want = jax.tree.map(lambda w, h: np.asarray(w * h), back(flat), back(curved))
    total = abs(sum(own["weight"].sum() for own in want.values())) + 1e-10
    found = grasp_scores(open_model(apply, (X, Y), params=PARAMS), subject.arrays, full(subject))
    for name, own in want.items():
        assert np.allclose(found[f"{name}/weight"], own["weight"] / total, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "criterion",
    ["large_final", "snip", pytest.param("grasp", marks=pytest.mark.slow), "synflow", "grad", "movement"],
)
def test_one_mask_from_every_back_end(criterion):
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")
    start = jax.tree.map(lambda a: a / 2, PARAMS)
    begun = module(torch)
    with torch.no_grad():
        for one in begun.parameters():
            one.div_(2.0)
    network = overparam.Network(
        "own", lambda key: jax.tree.map(lambda a: a.astype(np.float32), PARAMS), apply, 5, 3
    )
    single = jax.tree.map(lambda a: a.astype(np.float32), PARAMS)
    initial = {"initial": start} if criterion == "movement" else {}
    theirs = {"initial": begun.state_dict()} if criterion == "movement" else {}
    more = {"criterion": criterion, "density": 0.4}
    one = overparam.prune(module(torch), data=(X, Y), **more, **theirs).mask
    other = overparam.prune(apply, PARAMS, (X, Y), **more, **initial).mask
    own = {"initial": jax.tree.map(lambda a: a.astype(np.float32), start)} if initial else {}
    third = overparam.prune(network, single, (X.astype(np.float32), Y), **more, **own).mask
    for name in SHAPES:
        assert np.array_equal(one.arrays[f"{name}.weight"], other.arrays[f"{name}/weight"])
        assert np.array_equal(third.arrays[f"{name}/weight"], other.arrays[f"{name}/weight"])


def test_the_mask_of_a_module_is_in_its_format_and_the_module_is_left_as_it_was(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")
    net = module(torch)
    before = copy.deepcopy(net.state_dict())
    found = overparam.prune(net, data=(X, Y), test=(X[:9], Y[:9]), density=0.4)
    assert all(torch.equal(one, before[name]) for name, one in net.state_dict().items())
    assert list(found.tensors) == ["0.weight", "2.weight"]
    assert found.tensors["0.weight"].dtype == torch.bool
    assert found.tensors["0.weight"].sum() == 14
    kept = before["0.weight"] * found.tensors["0.weight"]
    for pruned in (found.model.state_dict(), found.params, found.apply(net).state_dict(), found.apply(before)):
        assert torch.equal(pruned["0.weight"], kept)
        assert torch.equal(pruned["0.bias"], before["0.bias"])
    again = Mask.load(found.save(tmp_path / "mask.safetensors"))
    assert again == found.mask
    assert torch.equal(again.apply(net)[0].weight, kept)
    with torch.no_grad():
        right = (found.model(torch.from_numpy(X[:9])).argmax(1).numpy() == Y[:9]).mean()
    assert found.after.accuracy == pytest.approx(right)
    assert found.after.n == 9
    assert found.measured_on == "test"


def test_what_is_no_weight_of_a_layer_is_left():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")

    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.words = torch.nn.Embedding(6, 4)
            self.cls_token = torch.nn.Parameter(torch.zeros(1, 1, 4))
            self.position = torch.nn.Parameter(torch.zeros(1, 3, 4))
            self.row = torch.nn.Parameter(torch.zeros(1, 4))
            self.norm = torch.nn.LayerNorm((3, 4))
            self.attention = torch.nn.MultiheadAttention(4, 2, add_bias_kv=True, batch_first=True)
            self.mixing = torch.nn.Parameter(torch.ones(4, 4))

    found = subject_of(Own()).weights
    assert set(found) == {"attention.in_proj_weight", "attention.out_proj.weight", "mixing"}
    norm = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 2))
    with pytest.raises(UsageError, match=r"expected weights that are parameters themselves.*parametrization"):
        overparam.prune(norm, density=0.5)
    cut = pytest.importorskip("torch.nn.utils.prune").l1_unstructured(torch.nn.Linear(3, 2), "weight", 2)
    with pytest.raises(UsageError, match=r"computed by L1Unstructured.*prune\.remove"):
        overparam.prune(cut, density=0.5)
    alone = torch.nn.Sequential(torch.nn.LayerNorm((2, 2)))
    with pytest.raises(UsageError, match=r"a weight of two or more axes.*also='0\.weight'"):
        overparam.prune(alone, density=0.5)
    assert overparam.prune(alone, density=0.5, also="0.weight").mask.paths == ("0.weight",)


def fitted(torch, **more):
    def fit(model, train, seed):
        torch.manual_seed(seed)
        optimizer = torch.optim.AdamW(model.parameters(), 0.05, weight_decay=0.1, **more)
        x, y = (torch.from_numpy(one) for one in train)
        model.train()
        for _ in range(20):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

    return fit


def test_retraining_by_a_function_keeps_the_mask():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")
    net = module(torch)
    before = copy.deepcopy(net.state_dict())
    found = overparam.prune(net, data=(X, Y), density=0.4)
    state = torch.get_rng_state()
    again = found.retrain(fitted(torch))
    assert torch.equal(torch.get_rng_state(), state)
    assert again.after.loss < found.after.loss
    for path, kept in again.tensors.items():
        assert not again.params[path][~kept].any()
    assert all(torch.equal(one, before[name]) for name, one in net.state_dict().items())
    assert not any(one._backward_hooks for one in again.model.parameters())
    curve = found.curve([0.5, 0.2], fitted(torch), seeds=[0, 1])
    assert [len(point.fits) for point in curve] == [2, 2]
    rewound = found.retrain(fitted(torch), start=before)
    assert not torch.equal(rewound.params["0.weight"], before["0.weight"])

    def moved(model, train):
        with torch.no_grad():
            model[0].weight.add_(1.0)

    with pytest.raises(
        UsageError, match=r"fit: expected pruned weights to stay 0, got 21 that moved at '0\.weight'"
    ):
        found.retrain(moved)


def test_what_was_trained_is_measured_with_its_own_statistics():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(5, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Linear(6, 3)
    )
    x = (3 * X + 2).astype(np.float32)
    found = overparam.prune(net, data=(x, Y), density=0.5)
    assert "Batch statistics are those of the unpruned model" in found.notes[-1]

    with pytest.raises(UsageError, match="fit: expected a training of the model.*got it back as it was"):
        found.retrain(lambda model, train: None)

    def renewed(model, train):
        model.train()
        for _ in range(50):
            model(torch.from_numpy(train[0]))

    again = found.retrain(renewed)
    model = again.model.eval()
    with torch.no_grad():
        want = torch.nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(Y))
    assert again.after.loss == pytest.approx(float(want), rel=1e-5)
    assert again.after.loss != pytest.approx(found.after.loss, rel=1e-3)
    assert torch.equal(net[1].running_mean, torch.zeros(6))


@pytest.mark.slow
def test_functions_are_retrained_with_params_and_mask():
    found = overparam.prune(apply, PARAMS, (X, Y), density=0.4)

    def fit(model, train, params, mask):
        assert mask["0/weight"].dtype == bool
        return jax.tree.map(lambda a: a * 1.5, params)

    again = found.retrain(fit)
    own = found.retrain(overparam.Recipe(30, 0.05, optimizer="adam", probes=2))
    assert own.after.loss < found.after.loss
    assert (np.asarray(own.params["0"]["weight"])[found.mask.arrays["0/weight"] == 0] == 0).all()
    assert np.allclose(again.params["2"]["weight"], 1.5 * found.params["2"]["weight"])
    with pytest.raises(UsageError, match=r"fit: expected a function that takes params and mask"):
        found.retrain(lambda model, train: PARAMS)


@pytest.mark.slow
def test_modules_of_jax_come_back_as_they_were():
    flax = pytest.importorskip("flax", reason="Flax is an optional extra")
    eqx = pytest.importorskip("equinox", reason="Equinox is an optional extra")
    from flax import linen, nnx

    assert flax
    x = X.astype(np.float32)
    own = linen.Dense(3)
    variables = own.init(jax.random.key(0), x[:1])
    found = overparam.prune(own, variables, (x, Y), density=0.4)
    assert found.mask.paths == ("kernel",)
    assert (np.asarray(found.params["params"]["kernel"]) == 0).sum() == 9
    assert np.array_equal(found.mask.apply(variables)["params"]["kernel"], found.params["params"]["kernel"])
    net = nnx.Linear(5, 3, rngs=nnx.Rngs(0))
    small = overparam.prune(net, data=(x, Y), density=0.4)
    assert (np.asarray(small.model.kernel[...]) == 0).sum() == 9
    assert (np.asarray(net.kernel[...]) != 0).all()
    mine = eqx.nn.MLP(5, 3, 4, 1, key=jax.random.key(0))
    cut = overparam.prune(mine, data=(x, Y), density=0.4)
    assert (np.asarray(cut.model.layers[0].weight) == 0).sum() == 12
    assert cut.model.layers[0].weight.dtype == mine.layers[0].weight.dtype


def test_data_of_any_form():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")
    net = module(torch)
    want = overparam.prune(net, data=(X, Y), density=0.4).after
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=23)
    for data in (loader, [(x[:23], y[:23]), (x[23:], y[23:])], [{"image": x, "labels": y}], {"x": X, "y": Y}):
        found = overparam.prune(net, data=data, density=0.4).after
        assert found.loss == pytest.approx(want.loss, rel=1e-12)
        assert found.accuracy == want.accuracy
    network = mlp(5, (4,), 3)
    params = network.init(jax.random.key(0))
    single = X.astype(np.float32)
    pairs = overparam.prune(network, params, [(single[:20], Y[:20]), (single[20:], Y[20:])])
    assert pairs.after == overparam.prune(network, params, (single, Y, single, Y)).after
    several = overparam.prune(
        network, params, (single, (single[:, :3] > 0).astype(np.float32)), loss="binary_cross_entropy"
    )
    assert several.after.accuracy is None


@pytest.mark.slow
def test_numbers_several_labels_and_positions():
    targets = np.stack([X[:, 0], X[:, 1], X[:, 2]], 1)
    numbers = overparam.prune(apply, PARAMS, (X, targets), density=0.4)
    outputs = np.asarray(apply(jax.tree.map(np.asarray, numbers.params), X))
    each = ((outputs - targets) ** 2).sum(1) / 2
    assert numbers.after.loss == pytest.approx(each.mean(), rel=1e-5)
    assert numbers.after.accuracy is None
    low, high = numbers.after.interval()
    assert low < numbers.after.loss < high
    assert numbers.after.spread == pytest.approx(each.std(ddof=1), rel=1e-4)
    several = overparam.prune(
        apply, PARAMS, (X, (targets > 0).astype(float)), density=0.4, loss="binary_cross_entropy"
    )
    outputs = np.asarray(apply(jax.tree.map(np.asarray, several.params), X))
    assert several.after.accuracy == pytest.approx(((outputs > 0) == (targets > 0)).mean())
    words = np.array([[0, 1], [2, 9]])
    found = right_labels(np.eye(3)[[[0, 1], [1, 0]]], words, "cross_entropy", ignore=9)
    assert found.tolist() == [1.0, 0.0]
    second = right_labels(
        np.moveaxis(np.eye(3)[[[0, 1], [2, 0]]], -1, 1), np.array([[0, 1], [2, -100]]), "CrossEntropyLoss"
    )
    assert second.tolist() == [1.0, 1.0]


WRONG = {
    "data for params": (lambda net: overparam.prune(net, (X, Y)), UsageError, "params: expected None.*Data go into data="),
    "no criterion": (lambda net: overparam.prune(net, criterion="big"), UsageError, r"criterion.*'big'"),
    "snip without data": (lambda net: overparam.prune(net, criterion="snip"), UsageError, "data, from which its gradient"),
    "synflow without data": (lambda net: overparam.prune(net, criterion="synflow"), UsageError, "shape of an example"),
    "synflow on tokens": (
        lambda net: overparam.prune(net, data=(np.zeros((4, 5), int), Y[:4]), criterion="synflow", loss=None),
        UsageError, "arrays of floats|takes the inputs",
    ),
    "a layer that is none": (lambda net: overparam.prune(net, leave="head"), UsageError, "leave: expected a pattern.*'head'"),
    "a rate of a layer that is none": (lambda net: overparam.prune(net, rates={"9": 0.5}), UsageError, "rates: expected"),
    "a rate above 1": (lambda net: overparam.prune(net, rates={"0": 2}), UsageError, "rates: 0: expected the share"),
    "a mask of another": (
        lambda net: overparam.prune(net, mask={"0.weight": np.ones((2, 2))}), UsageError, r"mask: expected shape \(2, 2\)",
    ),
    "a mask with names of another": (
        lambda net: overparam.prune(net, mask={"conv.weight": np.ones((2, 2))}), UsageError, "none at 'conv.weight'",
    ),
    "a mask and also": (
        lambda net: overparam.prune(net, mask={"0.weight": np.ones((7, 5))}, also="0.bias"), UsageError, "also: expected none",
    ),
    "initial weights of another": (
        lambda net: overparam.prune(net, criterion="movement", initial={"0.weight": np.ones((2, 2))}), UsageError,
        "initial: expected an array of shape",
    ),
    "initial weights as a number": (
        lambda net: overparam.prune(net, criterion="movement", initial=3), UsageError, "initial: expected a module of PyTorch",
    ),
    "an empty loader": (lambda net: overparam.prune(net, data=[]), DataError, "at least one example"),
    "three parts": (lambda net: overparam.prune(net, data=(X, Y, X)), UsageError, "data: expected arrays .x, y."),
    "inputs alone": (lambda net: overparam.prune(net, data=X), UsageError, "Give .inputs, targets."),
    "labels outside": (lambda net: overparam.prune(net, data=(X, Y + 7)), DataError, "labels from 0 to 2"),
    "a curve without data": (lambda net: overparam.prune(net).curve([0.5]), UsageError, "data: expected data for curve"),
    "retraining without data": (lambda net: overparam.prune(net).retrain(print), UsageError, "data: expected training data"),
    "a recipe": (
        lambda net: overparam.prune(net, data=(X, Y)).retrain(overparam.Recipe(1, 0.1)), UsageError, "got a Recipe",
    ),
    "no function": (lambda net: overparam.prune(net, data=(X, Y)).retrain("adam"), UsageError, "fit: expected a function"),
    "a function that fails": (
        lambda net: overparam.prune(net, data=(X, Y)).retrain(lambda model, train: 1 / 0), UsageError, "ZeroDivisionError",
    ),
    "a function that gives another": (
        lambda net: overparam.prune(net, data=(X, Y)).retrain(lambda model, train: 3), UsageError, "trained module of PyTorch",
    ),
    "a state_dict of another": (
        lambda net: overparam.prune(net, data=(X, Y)).retrain(lambda model, train: {"a": 1}), UsageError, "state_dict",
    ),
    "start without fit": (lambda net: overparam.prune(net, data=(X, Y)).curve([0.5], start=net), UsageError, "fit: expected how"),
    "frozen whole": (lambda net: overparam.prune(net.requires_grad_(False)), UsageError, "frozen"),
    "half precision": (lambda net: overparam.prune(net.half()), UsageError, "float16"),
    "a script": (lambda net: overparam.prune("net"), UsageError, "model: expected a Network"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case):
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")
    call, kind, text = WRONG[case]
    with pytest.raises(kind, match=text):
        call(module(torch))


def test_options_of_models_are_refused_for_networks():
    network = mlp(5, (4,), 3)
    params = network.init(jax.random.key(0))
    with pytest.raises(UsageError, match="ignore: expected it for models that are no Network"):
        overparam.prune(network, params, ignore=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'densty'"):
        overparam.prune(network, params, densty=0.1)
