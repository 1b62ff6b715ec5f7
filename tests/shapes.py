"""The checker behind ``--jaxtyping-packages``: array shapes are checked in tests, everything else is left alone.

Scalars are not checked, so that a size of 2.5 or an unknown name meets the library's own error, as a user would.
"""

from collections.abc import Callable
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check the annotations of a function that hold a shape, with beartype; leave a function without any as it is."""
    hints = function.__annotations__
    plain = [name for name, hint in hints.items() if not holds_a_shape(hint)]
    if len(plain) == len(hints):
        return function
    hints.update(dict.fromkeys(plain, Any))
    return beartype(function)


def holds_a_shape(hint: Any) -> bool:
    """Whether a jaxtyping shape stands anywhere in an annotation."""
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(holds_a_shape(part) for part in get_args(hint))
