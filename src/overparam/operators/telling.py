"""An error inside a person's model or loss, told in a sentence that says where it arose and what to do."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from overparam.core.errors import OverparamError, UsageError
from overparam.models.passes import told

_FULL = ("RESOURCE_EXHAUSTED", "out of memory", "can't allocate memory", "not enough memory")

SAME = "Do not detach outputs, and compute with that framework alone: no NumPy, no float(...)."
_EVALUATE = (
    "Measure in evaluation mode, evaluation=True: dropout off, batch normalisation with running averages."
)
_WHOLE = "Give all collections of its variables, params={'params': ..., 'batch_stats': ...}."
_ADVICE = {
    **dict.fromkeys(("ModifyScopeVariableError", "TraceContextError", "InvalidRngError"), _EVALUATE),
    **dict.fromkeys(("ScopeCollectionNotFound",), _WHOLE),
}
_LINK = re.compile(r" ?\(https?://[^)]*\)\.?")  # of Flax, behind its messages


@contextlib.contextmanager
def told_of(expected: str, advice: str = "") -> Iterator[None]:
    """Raise what happens inside as a ``UsageError``; errors of the package and Ctrl-C pass as they are.

    Args:
        expected: what was expected, after "expected".
        advice: what to do next, in a sentence.

    Raises:
        UsageError: anything went wrong.

    >>> with told_of("model: expected a pass over batch 3"):
    ...     [][0]
    Traceback (most recent call last):
    ...
    overparam.core.errors.UsageError: model: expected a pass over batch 3, got IndexError: list index out of range.
    """
    try:
        yield
    except OverparamError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or any(words.lower() in str(error).lower() for words in _FULL):
            raise UsageError(
                f"{expected}, got too little memory for it ({told(error)[:120]}). Give smaller batches, batch=..., and memory=0, "
                "so that no graphs are kept."
            ) from error
        advice = _EVALUATE if "requires a key" in str(error) else _ADVICE.get(type(error).__name__, advice)
        raise UsageError(
            f"{expected}, got {_LINK.sub('', told(error)).rstrip('.')[:300]}.{' ' if advice else ''}{advice}"
        ) from error
