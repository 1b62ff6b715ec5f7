"""Derivatives that are not those of the pass: wrong, detached, without a second one; and those that are right."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.operators import open_model
from overparam.operators.derivatives import Along, both_ways, detached, first_order, own_rules, second_order
from tests.tiny_models import LABELS, X

ROWS = X.astype(np.float32)
RNG = np.random.default_rng(0)
TWO = {"a": RNG.normal(size=(4, 6)).astype("f"), "b": RNG.normal(size=(6, 3)).astype("f")}


class Line(Along):
    """A number in closed form, with derivatives that may be said wrongly."""

    def __init__(self, value, slope, bend=0.0, pushed=None, exact=True):
        self.exact, self.size = exact, 1.0
        self._value, self._slope, self._bend = value, slope, bend
        self._pushed = slope(0.0) if pushed is None else pushed

    def value(self, t):
        found = self._value(t)
        return found if self.exact else float(np.float32(found))

    def slope(self, t):
        return self._slope(t)

    def pushed(self):
        return self._pushed

    def bend(self):
        return self._bend


def sine(t):
    return math.sin(1 + t)


def cosine(t):
    return math.cos(1 + t)


@pytest.mark.parametrize("exact", [True, False])
def test_a_right_slope_is_the_same_and_a_wrong_one_apart(exact):
    assert first_order(Line(sine, cosine, exact=exact)).word == "same"
    for wrong in (0.7, 1.3, 0.0, -1.0):
        assert first_order(Line(sine, lambda t, k=wrong: k * cosine(t), exact=exact)).word == "apart"
    assert first_order(Line(lambda t: 3.0, lambda t: 0.0, exact=exact)).word == "same"


def test_a_narrow_type_inside_is_no_contradiction_and_a_constant_is_one():
    """Numbers that are rounded to steps of a thousandth do not change along small steps; those of a detached part never do."""
    stairs = Line(lambda t: round(1000 * sine(t)) / 1000, cosine)
    assert first_order(stairs).word != "apart"
    assert first_order(Line(lambda t: 1.0, cosine)).word == "apart"


def test_a_kink_is_no_contradiction():
    """At a kink a derivative is a choice: any slope between the sides may be said."""
    for said in (0.0, 1.0, 0.5):
        assert first_order(Line(lambda t: max(t, 0.0), lambda t, k=said: k)).word in ("unknown", "same")
    assert second_order(Line(lambda t: max(t, 0.0), lambda t: float(t > 0), bend=0.0)).word == "unknown"


def test_second_derivatives_and_both_ways():
    right = Line(sine, cosine, bend=-math.sin(1))
    assert second_order(right).word == "same"
    assert second_order(Line(sine, cosine, bend=0.0)).word == "apart"
    assert second_order(Line(sine, cosine, bend=0.0, exact=False)).word == "unknown"
    assert both_ways(right).word == "same"
    assert both_ways(Line(sine, cosine, pushed=0.0)).word == "apart"
    fault, note = own_rules(right, "pass", "'f'", "'f'", "check", "that")
    assert not fault
    assert "agree with differences" in note
    assert detached(right, "pass") == ""


def rule(backward, residual=jnp.tanh):
    """tanh with a backward pass of one's own."""

    @jax.custom_vjp
    def own(z):
        return jnp.tanh(z)

    own.defvjp(lambda z: (jnp.tanh(z), residual(z)), backward)
    return own


@jax.custom_jvp
def pushes_wrongly(z):
    return jnp.tanh(z)


pushes_wrongly.defjvp(lambda at, moved: (jnp.tanh(at[0]), moved[0]))
HELD = jax.lax.stop_gradient
JAX_REFUSED = {
    "wrong": (rule(lambda r, g: (g * (1 - r),)), "backward pass is their derivative, got 'own'.*check_grads"),
    "wrong forward rule": (pushes_wrongly, "their derivative, got 'pushes_wrongly'"),
    "detached from what is saved": (
        rule(lambda r, g: (g * (1 - r**2),), lambda z: HELD(jnp.tanh(z))), "whose backward pass can be derived",
    ),
    "detached from what it gets": (rule(lambda r, g: (HELD(g) * (1 - r**2),)), "contradict each other"),
}  # fmt: skip


@pytest.mark.parametrize("name", JAX_REFUSED)
def test_wrong_rules_of_jax_are_refused(name):
    own, words = JAX_REFUSED[name]
    with pytest.raises(UsageError, match=f"model: expected .*{words}"):
        open_model(lambda p, x: own(x @ p["a"]) @ p["b"], (ROWS, LABELS), params=TWO)


@pytest.mark.slow
def test_right_rules_and_stopped_gradients_of_jax_are_told():
    right = rule(lambda r, g: (g * (1 - r**2),))
    model = open_model(lambda p, x: right(x @ p["a"]) @ p["b"], (ROWS, LABELS), params=TWO)
    assert any("('own'); first and second ones agree" in note for note in model.notes)
    model = open_model(lambda p, x: jnp.tanh(x @ HELD(p["a"])) @ p["b"], (ROWS, LABELS), params=TWO)
    assert any("not that of the whole pass" in note for note in model.notes)
    assert any("gradient of 'a' is exactly 0" in note for note in model.notes)
    model = open_model(
        lambda p, x: jax.nn.softmax(jax.nn.relu(x @ p["a"])) @ p["b"], (ROWS, LABELS), params=TWO
    )
    assert model.notes == (
        "Loss: mean over 50 examples of cross entropy.",
    )  # of the library, and taken to be right


def focal(weight):
    def loss(out, labels):
        each = jax.nn.logsumexp(out, axis=-1) - jnp.take_along_axis(out, labels[:, None], 1)[:, 0]
        return each * weight(jnp.exp(out[:, 0]))

    return loss


@pytest.mark.slow
def test_a_loss_that_is_detached_in_part_is_told():
    model = open_model(lambda p, x: x @ p["a"], (ROWS, LABELS), params=TWO, loss=focal(HELD))
    assert any("not that of the whole loss" in note for note in model.notes)


def modules():
    torch = pytest.importorskip("torch", reason="PyTorch is an extra: pip install 'overparam[torch]'")

    class Tanh(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.tanh()

    def own(back):
        return type("Own", (Tanh,), {"backward": staticmethod(lambda ctx, g: back(ctx.saved_tensors[0], g))})

    class Net(torch.nn.Module):
        def __init__(self, middle):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.middle = torch.nn.Linear(4, 6), torch.nn.Linear(6, 3), middle

        def forward(self, x):
            return self.middle(self.a(x), self.b)

    return own, Net


TORCH_REFUSED = {
    "wrong": (lambda x, g: g * (1 - x.tanh()), "their derivative, got 'Own'.*gradgradcheck"),
    "a straight-through estimator": (lambda x, g: g, r"straight-through estimator, write s\(x\) \+ \(f\(x\) - s\(x\)\).detach"),
    "detached from what is saved": (lambda x, g: g * (1 - x.detach().tanh() ** 2), "whose backward pass can be derived"),
    "detached from what it gets": (lambda x, g: g.detach() * (1 - x.tanh() ** 2), "contradict each other"),
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH_REFUSED)
def test_wrong_functions_of_pytorch_are_refused(name):
    own, net = modules()
    back, words = TORCH_REFUSED[name]
    with pytest.raises(UsageError, match=f"model: expected .*{words}"):
        open_model(net(lambda z, b: b(own(back).apply(z))), (ROWS, LABELS))


def test_a_wrong_function_is_found_where_the_pass_computes_in_float32():
    own, net = modules()
    made = own(lambda x, g: g * (1 - x.tanh()))
    with pytest.raises(UsageError, match="their derivative, got 'Own'"):
        open_model(net(lambda z, b: b(made.apply(z.float()).to(z.dtype))), (ROWS, LABELS))


TORCH_TOLD = {
    "detached": (lambda z, b: b(z.tanh() * z.detach()), True),
    "straight through, said": (lambda z, b: b(z + (z.sign() - z).detach()), True),
    "relu": (lambda z, b: b(z.relu()), False),
    "a maximum": (lambda z, b: b(z).cummax(1)[0], False),
}


@pytest.mark.parametrize("name", TORCH_TOLD)
def test_detached_parts_of_pytorch_are_told(name):
    _, net = modules()
    middle, told = TORCH_TOLD[name]
    model = open_model(net(middle), (ROWS, LABELS))
    assert any("not that of the whole pass" in note for note in model.notes) == told


def test_parameters_that_no_derivative_reaches_are_named():
    _, net = modules()
    model = open_model(net(lambda z, b: b(z.detach().tanh())), (ROWS, LABELS))
    assert any("The gradient of 'a.weight' and 1 more is exactly 0" in note for note in model.notes)
    assert not model.gradient()[model.layout.slices["a.weight"]].any()


def test_a_loss_module_of_ones_own_that_detaches_is_told():
    _, net = modules()
    torch = pytest.importorskip("torch", reason="PyTorch is an extra: pip install 'overparam[torch]'")

    def loss(out, aim):
        return torch.nn.functional.cross_entropy(out, aim, reduction="none") * out[:, 0].detach().exp()

    model = open_model(net(lambda z, b: b(z.tanh())), (ROWS, LABELS), loss=loss)
    assert any("not that of the whole loss" in note for note in model.notes)


def scaled(act):
    """A pass with a rule beside a scale that is held."""

    def forward(p, x):
        h = x @ p["a"]
        return act(h / HELD(jnp.linalg.norm(h, axis=-1, keepdims=True))) @ p["b"]

    return forward


@pytest.mark.slow
def test_a_rule_of_jax_beside_a_stopped_gradient_is_judged_alone():
    right, wrong = rule(lambda r, g: (g * (1 - r**2),)), rule(lambda r, g: (g * (1 - r),))
    notes = " ".join(open_model(scaled(right), (ROWS, LABELS), params=TWO).notes)
    assert "('own'); first and second ones agree with those by JAX" in notes
    assert "not that of the whole pass" in notes
    for bad, words in ((wrong, "by JAX itself"), (rule(lambda r, g: (HELD(g) * (1 - r**2),)), "contradict")):
        with pytest.raises(UsageError, match=f"model: expected .*got 'own'.*{words}"):
            open_model(scaled(bad), (ROWS, LABELS), params=TWO)


def test_a_rule_through_a_decorator_of_a_library_is_a_persons():
    wrong = jax.custom_gradient(lambda z: (jnp.tanh(z), lambda g: g * 0.5))
    with pytest.raises(UsageError, match="backward pass is their derivative"):
        open_model(lambda p, x: wrong(x @ p["a"]) @ p["b"], (ROWS, LABELS), params=TWO)


def test_a_type_written_into_a_scan_of_jax_is_no_fault():
    def forward(p, x):
        step = lambda h, v: (jnp.tanh(h + v[:, None] * p["a"][0]), None)  # noqa: E731
        return jax.lax.scan(step, jnp.zeros((len(x), 6), jnp.float32), x.T)[0] @ HELD(p["b"]) ** 3

    model = open_model(forward, (ROWS, LABELS), params={"a": TWO["a"], "b": 2 * TWO["b"]})
    assert any("not that of the whole pass" in note for note in model.notes)


def test_a_function_of_pytorch_beside_a_detached_part_is_judged_alone():
    own, net = modules()
    right, wrong = own(lambda x, g: g * (1 - x.tanh() ** 2)), own(lambda x, g: g * (1 - x.tanh()))
    before = dict(right.__dict__)
    model = open_model(net(lambda z, b: b(right.apply(z * z.detach()))), (ROWS, LABELS))
    assert dict(right.__dict__) == before  # it is heard, and left as it was
    notes = " ".join(model.notes)
    assert "('Own'); first and second ones agree" in notes
    assert "not that of the whole pass" in notes
    with pytest.raises(UsageError, match="their derivative, got 'Own'"):
        open_model(net(lambda z, b: b(wrong.apply(z * z.detach()))), (ROWS, LABELS))


def test_a_backward_pass_without_a_derivative_is_told_in_a_sentence():
    own, net = modules()
    torch = pytest.importorskip("torch")
    bare = own(lambda x, g: torch.from_numpy(g.numpy() * (1 - np.tanh(x.numpy()) ** 2)))
    with pytest.raises(UsageError, match="backward pass can be derived, here 'Own', got RuntimeError"):
        open_model(net(lambda z, b: b(bare.apply(z))), (ROWS, LABELS))


def test_hooks_of_pytorch_are_no_derivatives_of_a_persons():
    torch = pytest.importorskip("torch", reason="PyTorch is an extra: pip install 'overparam[torch]'")
    net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    net[1].register_full_backward_hook(lambda *_: None)
    assert not any("of its own" in note for note in open_model(net, (ROWS, LABELS)).notes)


def test_checkpointed_parts_of_pytorch_are_derived_at_the_parameters_that_are_asked_for():
    """In the reverse pass such a part would be computed with the module's own parameters: the same module without is meant."""
    torch = pytest.importorskip("torch", reason="PyTorch is an extra: pip install 'overparam[torch]'")
    _, net = modules()
    found = []
    for anew in (False, True):
        for reentrant in (False, True):

            def middle(z, b, anew=anew, reentrant=reentrant):
                part = lambda z: b(z.tanh())  # noqa: E731
                return torch.utils.checkpoint.checkpoint(part, z, use_reentrant=reentrant) if anew else part(z)

            model = open_model(net(middle), (ROWS, LABELS))
            assert model.notes == ("Loss: mean over 50 examples of cross entropy.",)
            v = np.random.default_rng(1).normal(size=model.layout.size).astype("f")
            found.append(model.at(model.vector() + 0.5 * v).product("hessian", v))
    assert torch.utils.checkpoint.CheckpointFunction.__name__ == "CheckpointFunction"
    for other in found[1:]:
        assert np.abs(other - found[0]).max() <= 1e-5 * np.abs(found[0]).max()


def test_a_loss_that_is_lost_in_rounding_is_not_called_detached():
    """At margins of thousands a cross-entropy is 0 to rounding, and its derivative is not: neither is a fault."""
    torch = pytest.importorskip("torch", reason="PyTorch is an extra: pip install 'overparam[torch]'")
    for scale in (30.0, 60.0, 300.0):
        net = torch.nn.Linear(3, 3, bias=False)
        with torch.no_grad():
            net.weight.copy_(scale * torch.eye(3) + torch.arange(9.0).reshape(3, 3))
        x, y = torch.eye(3).repeat(4, 1), torch.arange(3).repeat(4)
        model = open_model(net, (x, y), loss=torch.nn.CrossEntropyLoss())
        assert model.notes == ("Loss: mean over 12 labels of CrossEntropyLoss.",)


def test_differences_of_numbers_that_are_large_beside_their_sum_are_good_to_rounding():
    lost = Line(lambda t: 0.0, lambda t: 1e-20)
    lost.size = 1e-20
    assert first_order(lost).word == "apart"
    lost.scale = 100.0
    assert first_order(lost).word == "unknown"


@pytest.mark.parametrize("place", ["utils.parametrizations", "utils"])
@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_second_derivatives_of_weight_norm_are_symmetric(place):
    torch = pytest.importorskip("torch", reason="PyTorch is an extra: pip install 'overparam[torch]'")
    wrap = (torch.nn.utils.parametrizations if "." in place else torch.nn.utils).weight_norm
    torch.manual_seed(0)
    own = torch._weight_norm
    net = torch.nn.Sequential(wrap(torch.nn.Linear(4, 3)), torch.nn.Tanh(), torch.nn.Linear(3, 3)).double()
    model = open_model(net, (X.astype(np.float64), LABELS))
    whole = np.stack([model.product("hessian", v) for v in np.eye(model.layout.size)])
    assert torch._weight_norm is own
    assert np.abs(whole - whole.T).max() <= 1e-10 * np.abs(whole).max()
