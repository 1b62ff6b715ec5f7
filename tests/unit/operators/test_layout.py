"""Named arrays in one vector: patterns of names, and what is refused."""

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.operators import Layout

LAYOUT = Layout(
    ("blocks.0.attn.weight", "blocks.0.attn.bias", "blocks.1.attn.weight", "blocks.10.mlp.weight", "head"),
    ((2, 3), (2,), (2, 2), (1, 3), ()),
    ".",
)
ALL = LAYOUT.names
PATTERNS = {
    "blocks.0": ALL[:2],
    "blocks.1": ALL[2:3],  # and not blocks.10
    "blocks.*.attn": ALL[:3],
    "*.bias": ALL[1:2],
    "*": ALL,
    "head": ALL[4:],
    ("*.weight", "!blocks.0"): ALL[2:4],
    ("!*.bias",): (ALL[0], *ALL[2:]),
    ("head", "blocks.0.attn.bias"): (ALL[1], ALL[4]),  # in the order of the vector
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_covers_names_and_what_lies_below(pattern):
    assert LAYOUT.matching(pattern) == PATTERNS[pattern]


def test_a_vector_is_taken_apart_and_put_together():
    vector = np.arange(LAYOUT.size, dtype=np.float32)
    named = LAYOUT.named(vector)
    assert [one.shape for one in named.values()] == list(LAYOUT.shapes)
    assert (LAYOUT.flat(named) == vector).all()
    assert LAYOUT.flat(named).dtype == np.float32
    assert LAYOUT.layers["blocks.0.attn"] == ALL[:2]
    assert LAYOUT.layers["head"] == ("head",)
    part = LAYOUT.only(LAYOUT.matching("*.bias"))
    assert (part.names, part.size) == (ALL[1:2], 2)


@pytest.mark.parametrize(
    "pattern", ["", "!", (), None, 3, ("head", 3), "blocks.2", "Head", "weight", ("head", "!head"), ("head", "!nothing")]
)  # fmt: skip
def test_what_covers_nothing_is_refused(pattern):
    with pytest.raises(UsageError, match="layers: expected .*pattern"):
        LAYOUT.matching(pattern)


def test_what_is_near_is_named():
    with pytest.raises(UsageError, match="Did you mean 'head'"):
        LAYOUT.matching("haed")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda named: named | {"more": np.ones(1)}, "one more at 'more'"),
        (lambda named: {k: v for k, v in named.items() if k != "head"}, "none at 'head'"),
        (lambda named: named | {"head": np.ones(2)}, r"shape \(\) at 'head', got \(2,\)"),
    ],
)
def test_arrays_of_another_model_are_refused(change, words):
    with pytest.raises(UsageError, match=words):
        LAYOUT.flat(change(LAYOUT.named(np.ones(LAYOUT.size))))


def test_missing_numbers_and_other_lengths_are_refused():
    with pytest.raises(DataError, match="at 'blocks.0.attn.weight'"):
        LAYOUT.flat(LAYOUT.named(np.full(LAYOUT.size, np.nan)))
    with pytest.raises(UsageError, match=r"expected shape \(16,\), got \(3,\)"):
        LAYOUT.named(np.ones(3))
