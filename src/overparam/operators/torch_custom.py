"""Derivatives of a person's own in a pass of PyTorch: found in its graph, refused where they are wrong or end in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from overparam.core.errors import UsageError
from overparam.operators.derivatives import Along, detached, own_rules
from overparam.operators.telling import told_of
from overparam.operators.torch_calls import calls_of

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None

ONCE = "once_differentiable"
ADVICE = "Write it in operations of PyTorch that can be derived."
MEANT = "s(x) + (f(x) - s(x)).detach()"


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
    found: list[Any], line: Callable[[], Along], run: Callable[[], Any], part: str = "pass", name: str = "model"
) -> tuple[str, ...]:
    """Sentences about functions with derivatives of a person's own, and about detached parts.

    PyTorch takes the derivative of a backward pass that is marked ``once_differentiable``, or that uses detached tensors, as 0
    without a word, and a wrong backward pass as it is. Each function is compared alone, with what the pass gives it, so that a
    detached part beside it is not taken for its fault.

    Args:
        found: the functions.
        line: makes the number along a direction that is differentiated.
        run: the pass or the loss, with gradients.
        part: what is looked at, in words.
        name: of the argument, for messages.

    Raises:
        UsageError: a backward pass that is not the derivative, has none itself, or is not linear in what it gets.
    """
    once = [one for one in found if ONCE in getattr(getattr(one.backward, "__code__", None), "co_qualname", "")]
    if once:
        raise UsageError(
            f"{name}: expected functions that can be derived twice, got '{once[0].__name__}', whose backward pass is marked "
            f"{ONCE}: products would be wrong without a word. Write it in operations of PyTorch."
        )
    own = [one for one in found if not one.__module__.startswith("torch.")]
    names = ", ".join(f"'{one.__name__}'" for one in own[:3])
    told: list[str] = []
    calls = calls_of(own, run) if own else []
    lines: list[tuple[str, Callable[[], Along]]] = [
        (f"'{call.function.__name__}'", call.line) for call in calls
    ]
    heard = {call.function for call in calls}
    if not heard.issuperset(own):  # a class that each pass makes anew: looked at in the whole pass
        lines.append((", ".join(f"'{one.__name__}'" for one in own if one not in heard), line))
    for words, made in lines:
        with told_of(f"{name}: expected functions whose backward pass can be derived, here {words}", ADVICE):
            fault, note = own_rules(made(), part, words, names, "torch.autograd.gradgradcheck", MEANT)
        if fault:
            raise UsageError(f"{name}: expected {fault}")
        told.append(note)
    said = sorted(set(told), key=len)[-1:]  # the longer one says what could not be compared
    return (*said, *(one for one in (detached(line(), part),) if one))
