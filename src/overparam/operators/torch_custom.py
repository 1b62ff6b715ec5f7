"""Derivatives of a person's own in a pass of PyTorch: found in its graph, refused where they end in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from overparam.core.errors import UsageError

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None

ONCE = "once_differentiable"
APART = 1e-2  # of the product of both sizes: more is no rounding


def custom_functions(outputs: Any) -> list[Any]:
    """The subclasses of ``torch.autograd.Function`` in the graph of outputs, each once.

    Args:
        outputs: a tensor with its graph.
    """
    seen, left, found = set(), [outputs.grad_fn], []
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            found.append(getattr(node, "_forward_cls", type(node)))
        left += [one for one, _ in node.next_functions]
    return sorted(set(found), key=lambda one: one.__name__)


def check_custom(
    found: list[Any],
    pushed: Callable[[Any], Any],
    pulled: Callable[[Any], Any],
    sizes: tuple[int, int],
    like: Any,
) -> str:
    """A sentence about functions with derivatives of a person's own; empty where there are none.

    PyTorch takes the derivative of a backward pass that is marked ``once_differentiable``, or that uses detached tensors, as 0
    without a word. Where the products with the Jacobian rest on it, ``<u, J v> = <J^T u, v>`` fails.

    Args:
        found: the functions.
        pushed: the product of the Jacobian with a vector.
        pulled: the product of its transpose with one.
        sizes: numbers of parameters and of outputs.
        like: a tensor of the type and device of both vectors.

    Raises:
        UsageError: a backward pass has no derivative, or is not linear in what it gets.
    """
    if not found:
        return ""
    names = ", ".join(f"'{one.__name__}'" for one in found[:3])
    once = [one for one in found if ONCE in getattr(getattr(one.backward, "__code__", None), "co_qualname", "")]
    if once:
        raise UsageError(
            f"model: expected functions that can be derived twice, got '{once[0].__name__}', whose backward pass is marked "
            f"{ONCE}: products would be wrong without a word. Write it in operations of PyTorch."
        )
    rng = np.random.default_rng(0)
    v, u = (like.new_tensor(rng.normal(size=size)) for size in sizes)
    forward, back = pushed(v).reshape(-1), pulled(u).reshape(-1)
    one, other = float((u * forward).sum()), float((v * back).sum())
    size = float(u.norm() * forward.norm() + v.norm() * back.norm())
    if not abs(one - other) <= APART * size:
        raise UsageError(
            f"model: expected functions whose backward pass is linear and can be derived, got {names}: products with the "
            "Jacobian and with its transpose contradict each other. torch.autograd.gradgradcheck tells more."
        )
    return (
        f"The pass has derivatives of its own ({names}). Hessian products rest on what their backward pass computes, which is "
        "not compared with anything: torch.autograd.gradgradcheck does that."
    )
