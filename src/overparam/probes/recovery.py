"""Which nodes of a teacher a student has found: correlations of their activations, coverage, fan-outs, gradients."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from overparam.core.checked import count, probability, shown
from overparam.core.errors import UsageError
from overparam.models.activations import activation as activation_of
from overparam.models.form import DenseForm
from overparam.models.mlp import affine, layer_names
from overparam.models.network import AnyArray, Network, PyTree
from overparam.models.state import join, split
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss

EPSILON = 1e-7  # under the roots, as in the published code: a node that never fires has correlation 0
BLOCK = 256  # examples whose gradients are held at a time


def correlations(
    students: Float[AnyArray, "n units"], teachers: Float[AnyArray, "n m"]
) -> Float[Array, "m units"]:
    """Pearson correlation of every teacher node's activations with every student node's, from -1 to 1.

    Args:
        students: activations of the student's nodes on n examples, shape ``(n, students)``.
        teachers: those of the teacher's on the same examples, shape ``(n, teachers)``.

    Returns:
        Shape ``(teachers, students)``; 0 where a node does not vary.

    References: Y. Tian, arXiv:1909.13458; code facebookresearch/luckmatters, student_specialization.

    >>> a = jnp.array([[0.0], [1.0], [2.0]])
    >>> correlations(jnp.concatenate([3 * a, -a], axis=1), a).round(5).tolist()
    [[1.0, -1.0]]
    """
    parts = []
    for own in (students, teachers):
        centred = own - jnp.mean(own, axis=0)
        size = jnp.sqrt(jnp.sum(jnp.square(centred), axis=0))
        parts.append(centred / jnp.where(size > EPSILON, size, jnp.inf))
    return jnp.asarray(parts[1].T @ parts[0])


def recovery(
    network: Network, *, layer: int = 1, level: float = 0.95, teacher: str = "teacher", rows: int | None = 1000
) -> Probe:
    """How far a dense relu student has found its member's own teacher, at one layer.

    A teacher node is recovered when some student node's activations correlate with its own to at least ``level`` over the
    test examples. The teacher is the array tree that the member's network holds (:func:`overparam.models.holding`), the
    parameters of a relu ``mlp`` as :attr:`overparam.data.Teacher.params` gives them.

    Args:
        network: the student as it was made, before ``holding``; a dense relu network.
        layer: hidden layer of student and teacher, from 1.
        level: correlation from which a node counts as recovered, between 0 and 1.
        teacher: the name under which it is held.
        rows: training examples of which the per-example gradient is taken, the first ones; None takes no gradient.

    Returns:
        A probe for :func:`overparam.training.train`. Numbers: ``coverage``, the share of teacher nodes that are recovered;
        ``teacher_loss``, the mean loss on the test examples with the targets of the member's own teacher (``test_loss`` has
        those that all members share);
        ``observed``, the least over teacher nodes of the smaller of the shares of training examples with the node on and
        off; ``largest_gradient``, the largest norm of an example's own gradient. Arrays: ``teacher_correlation``, the best
        correlation of every teacher node; ``student_correlation``, that of every student node; ``fan_out`` and ``size``,
        the norm of every student node's outgoing weights, and that times its incoming ones, which does not change when
        weight is moved from one side of a relu to the other.

    Raises:
        UsageError: a network whose form is not known or that is not relu, or a layer that it does not have.

    References: Y. Tian, arXiv:1909.13458, figures 1 and 2 of the seed version (recalled).

    >>> from overparam.models import mlp
    >>> sorted(recovery(mlp(3, (4,), 2), rows=None).values)[:3]
    ['coverage', 'fan_out', 'observed']
    """
    form = getattr(network, "form", None)
    if not isinstance(form, DenseForm) or form.activation != "relu" or form.signs is not None:
        raise UsageError(
            "network: expected a dense relu network with a trained output, as mlp makes it before holding, got "
            f"'{getattr(network, 'name', type(network).__name__)}'."
        )
    count(layer, "layer", 1, len(form.sizes) - 2)
    probability(level, "level")
    if rows is not None:
        count(rows, "rows", 1)
    if not isinstance(teacher, str) or not teacher:
        raise UsageError(f"teacher: expected the name under which it is held, got {shown(teacher)}.")
    scales, names = form.scales, layer_names(len(form.sizes) - 2)

    def measure(
        network: Network, loss: Loss, params: PyTree, params0: PyTree, x: Examples, y: Targets,
        x_test: TestExamples, y_test: TestTargets,
    ) -> Measured:  # fmt: skip
        if not isinstance(params, dict) or teacher not in params:
            raise UsageError(
                f"recovery: expected a network that holds '{teacher}', got '{network.name}'. Train "
                f"holding(network, {teacher}=...)."
            )
        own = params[teacher]
        found = correlations(
            _activations(params, scales, layer, x_test), _activations(own, None, layer, x_test)
        )
        on = jnp.mean(_activations(own, None, layer, x) > 0, axis=0)
        best = found.max(axis=1)
        incoming = jnp.linalg.norm(params[names[layer - 1]]["weight"], axis=1)
        outgoing = jnp.linalg.norm(params[names[layer]]["weight"], axis=0)
        values = {
            "coverage": jnp.mean(best >= level),
            "teacher_loss": loss.mean(network.apply(params, x_test), _targets(own, x_test)),
            "observed": jnp.minimum(on, 1.0 - on).min(),
            "teacher_correlation": best,
            "student_correlation": found.max(axis=0),
            "fan_out": outgoing,
            "size": incoming * outgoing,
        }
        if rows is not None:
            values["largest_gradient"] = largest_gradient(network, loss, params, x[:rows], y[:rows])
        return values

    words = {
        "coverage": f"Share of teacher nodes with a student node of correlation {level:g} or more, from 0 to 1.",
        "teacher_loss": "Mean loss on the test examples with the targets of the member's own teacher, in the unit of the loss.",
        "observed": "Smaller share of training examples on one side of a teacher node, the least over nodes, from 0 to 0.5.",
        "teacher_correlation": "Best correlation of every teacher node with a student node, from -1 to 1.",
        "student_correlation": "Best correlation of every student node with a teacher node, from -1 to 1.",
        "fan_out": "Norm of the outgoing weights of every student node, in the unit of the weights.",
        "size": "Norm of incoming times norm of outgoing weights of every student node, in squared units of the weights.",
    }
    if rows is not None:
        words["largest_gradient"] = (
            "Largest norm of the gradient of one example's loss, in units of loss per weight."
        )
    return Probe("recovery", words, measure)


def largest_gradient(network: Network, loss: Loss, params: PyTree, x: Examples, y: Targets) -> Float[Array, ""]:
    """Largest Euclidean norm of the gradient of a single example's loss over all trained parameters.

    At a minimum that interpolates every example's own gradient is 0; at another critical point only their mean is.

    Args:
        network: the network.
        loss: the loss.
        params: the parameters of one member.
        x: examples, shape ``(n, inputs)``.
        y: labels or targets.

    Returns:
        A scalar.

    >>> from overparam.models import linear
    >>> from overparam.training import loss
    >>> network = linear(2, 1, bias=False, init="zeros")
    >>> params = network.init(jax.random.key(0))
    >>> x, y = jnp.array([[3.0, 4.0], [0.0, 1.0]]), jnp.array([1.0, 1.0])
    >>> float(largest_gradient(network, loss("squared"), params, x, y))  # y |x|
    5.0
    """
    trained, held = split(network.state, params)
    # Rows of the member's own, also where a stack shares them: XLA's products of one row with all members' slopes at once
    # were measured six times slower on a CPU. The values are the same.
    some = jax.tree.leaves(trained)[0].ravel()[0]
    x = jnp.where(some > 0, x, x)

    def one(row: Any, target: Any) -> Float[Array, ""]:
        def value(p: PyTree) -> Any:
            return loss.each(network.apply(join(p, held), row[None]), target[None])[0]

        return jnp.sum(
            jnp.stack([jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(jax.grad(value)(trained))])
        )

    return jnp.sqrt(
        jnp.max(lax.map(lambda pair: one(*pair), (x, jnp.asarray(y)), batch_size=min(BLOCK, len(x))))
    )


def _targets(teacher: PyTree, x: AnyArray) -> Float[Array, "n classes"]:
    """Outputs of a relu teacher, shape ``(n, outputs)``."""
    hidden = _activations(teacher, None, len(teacher) - 1, x)
    return jnp.asarray(affine(teacher["output"], 1.0, hidden.T).T)


def _activations(
    params: PyTree, scales: tuple[float, ...] | None, layer: int, x: AnyArray
) -> Float[Array, "n units"]:
    """Activations of a hidden layer of a dense relu network, shape ``(n, units)``."""
    columns, act = jnp.asarray(x).T, activation_of("relu")
    for at in range(layer):
        columns = jnp.asarray(
            act(affine(params[f"hidden{at + 1}"], 1.0 if scales is None else scales[at], columns))
        )
    return columns.T
