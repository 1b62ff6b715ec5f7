"""Criteria and the selection by them, against brute force on small tensors."""

import itertools

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.pruning import CRITERIA, Criterion, Mask, Weights, choose, select
from overparam.pruning.share import kept_of

RNG = np.random.default_rng(0)
SHAPES = {"a": (4, 3), "b": (2, 5)}
INITIAL = {path: RNG.normal(size=shape) for path, shape in SHAPES.items()}
FINAL = {path: RNG.normal(size=shape) for path, shape in SHAPES.items()}
GRADIENT = {path: RNG.normal(size=shape) for path, shape in SHAPES.items()}
FULL = Mask({path: np.ones(shape) for path, shape in SHAPES.items()})
KEPT = Mask({path: RNG.random(shape) < 0.7 for path, shape in SHAPES.items()})
SEEN = Weights(INITIAL, FINAL, FULL, GRADIENT, 0)


def sign(value):
    return int(value > 0) - int(value < 0)


# one weight at a time, in plain Python
ORACLES = {
    "large_final": lambda a, b, g: abs(b),
    "small_final": lambda a, b, g: -abs(b),
    "large_init": lambda a, b, g: abs(a),
    "small_init": lambda a, b, g: -abs(a),
    "magnitude_increase": lambda a, b, g: abs(b) - abs(a),
    "movement": lambda a, b, g: abs(b - a),
    "large_final_same_sign": lambda a, b, g: abs(b) if sign(a) == sign(b) else 0,
    "large_final_diff_sign": lambda a, b, g: abs(b) if sign(a) != sign(b) else 0,
    "magnitude_increase_same_sign": lambda a, b, g: abs(b) - abs(a) if sign(a) == sign(b) else 0,
    "magnitude_increase_diff_sign": lambda a, b, g: abs(b) - abs(a) if sign(a) != sign(b) else 0,
    "same_sign": lambda a, b, g: float(sign(a) == sign(b)),
    "diff_sign": lambda a, b, g: float(sign(a) != sign(b)),
    "snip": lambda a, b, g: abs(a * g),
    "grad": lambda a, b, g: abs(g),
}


@pytest.mark.parametrize("name", ORACLES)
def test_a_score_is_its_formula(name):
    scores = CRITERIA[name](SEEN)
    for path in SHAPES:
        triples = zip(INITIAL[path].ravel(), FINAL[path].ravel(), GRADIENT[path].ravel(), strict=True)
        want = [ORACLES[name](*one) for one in triples]
        assert np.allclose(scores[path].ravel(), want, rtol=1e-12, atol=0)


def test_every_criterion_has_an_oracle_here():
    assert set(ORACLES) | {"random", "large_init_large_final", "small_init_small_final"} == set(CRITERIA)


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("density", [0.2, 0.5, 0.8, 1.0])
def test_a_mask_keeps_the_exact_number_of_the_best(name, density):
    rule = CRITERIA[name]
    seen = Weights(INITIAL, FINAL, KEPT, GRADIENT, 5)
    mask, scores = choose(name, seen, density), rule(seen)
    for path, old in KEPT:
        new = mask.arrays[path]
        assert not (new > old).any(), "a pruned weight returned"
        if rule.whole:
            assert np.array_equal(new, old * (scores[path] > 0))
            continue
        n = int(old.sum())
        assert new.sum() == n - int(round(n * (1 - density), 9))
        kept, gone = scores[path][new == 1], scores[path][(old == 1) & (new == 0)]
        assert not kept.size or not gone.size or kept.min() >= gone.max()


@pytest.mark.parametrize(("name", "sizes"), [("large_init_large_final", 1.0), ("small_init_small_final", -1.0)])
@pytest.mark.parametrize("density", [0.1, 0.3, 0.6, 0.9])
def test_two_percentiles_meet_where_bisection_does(name, sizes, density):
    """The published procedure: one percentile of both sizes, bisected until the union of what falls below is met."""
    n = 4000
    a, b = RNG.normal(size=(2, n))
    b = a + 0.7 * b
    mask = choose(name, Weights({"w": a}, {"w": b}, Mask({"w": np.ones(n)})), density).arrays["w"]
    low, high = 0.0, 100.0
    while high - low > 1e-4:
        p = (low + high) / 2
        kept = (sizes * np.abs(a) > np.percentile(sizes * np.abs(a), p)) & (
            sizes * np.abs(b) > np.percentile(sizes * np.abs(b), p)
        )
        low, high = (p, high) if kept.sum() > density * n else (low, p)
    assert mask.sum() == density * n
    assert (mask != kept).sum() <= 3


def test_pooled_percentiles_are_over_all_layers():
    big, small = np.arange(11.0, 15.0), np.arange(1.0, 5.0)
    full = Mask({"big": np.ones(4), "small": np.ones(4)})
    weights = Weights({"big": big, "small": small}, {"big": big, "small": small}, full)
    together = choose("large_init_large_final", weights, 0.5, "global")
    assert together.densities == {"big": 1.0, "small": 0.0}
    assert choose("large_init_large_final", weights, 0.5).densities == {"big": 0.5, "small": 0.5}


def test_random_scores_are_distinct_and_of_the_key():
    scores = [CRITERIA["random"](Weights(mask=FULL, key=key)) for key in (0, 0, 1)]
    flat = [np.concatenate([one.ravel() for one in found.values()]) for found in scores]
    assert sorted(flat[0]) == list(range(22))
    assert np.array_equal(flat[0], flat[1])
    assert not np.array_equal(flat[0], flat[2])


def test_a_criterion_of_ones_own():
    own = Criterion("last", "the place", "mine", ("final",), lambda weights, found: {
        path: np.arange(one.size, dtype=float).reshape(one.shape) for path, one in found["final"].items()
    })  # fmt: skip
    assert choose(own, SEEN, 0.5).arrays["b"].tolist() == [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 10, 97, 266_200])
def test_a_density_keeps_an_exact_number(n):
    from fractions import Fraction

    for text in ("0.8", "0.9", "0.85", "0.1", "0.2", "0.05", "0.012", "0.3333", "1"):
        gone = int(n * (1 - Fraction(text)))
        assert kept_of(n, float(text)) == n - gone
    for kept in range(1, min(n, 400) + 1):
        assert kept_of(n, kept / n) == kept


def test_rounds_of_eighty_percent_are_those_of_the_source():
    """266,200 weights of 784-300-100-10 after rounds of 0.8, 0.8 and 0.9; published 80.0 32.9 10.8 3.58 1.19 0.50 %."""
    counts, found = [235_200, 30_000, 1_000], {}
    for number in range(1, 25):
        counts = [kept_of(n, keep) for n, keep in zip(counts, (0.8, 0.8, 0.9), strict=True)]
        found[number] = 100 * sum(counts) / 266_200
    want = [80.0, 32.9, 10.8, 3.58, 1.19, 0.50]  # without the weights that each round's floor leaves
    assert [found[i] for i in (1, 5, 10, 15, 20, 24)] == pytest.approx(want, abs=0.05)


def test_scopes_share_the_count_out():
    scores = {"a": np.arange(12.0).reshape(4, 3), "b": 100 + np.arange(10.0).reshape(2, 5)}
    every = {scope: select(scores, FULL, 0.5, scope) for scope in ("layer", "global", "even")}
    assert {scope: mask.kept for scope, mask in every.items()} == {"layer": 11, "global": 11, "even": 11}
    assert every["global"].densities == {"a": 1 / 12, "b": 1.0}
    assert every["layer"].densities == {"a": 0.5, "b": 0.5}
    sparse = Mask({"a": np.eye(4, 3), "b": np.ones((2, 5))})  # 3 of 12 and 10 of 10
    even = select(scores, sparse, 8 / 13, "even")
    assert {path: int(one.sum()) for path, one in even} == {
        "a": 3,
        "b": 5,
    }  # a is below one density and keeps all
    assert select(scores, sparse, 4 / 13, "even").kept == 4


def test_even_ends_at_one_density_with_an_exact_sum():
    mask = Mask({name: np.ones((size, 1)) for name, size in (("a", 7), ("b", 11), ("c", 31))})
    scores = {path: RNG.normal(size=one.shape) for path, one in mask}
    for density in (0.05, 0.3, 0.77):
        even = select(scores, mask, density, "even")
        assert even.kept == kept_of(49, density)
        for path, one in mask:
            assert abs(even.arrays[path].sum() - density * one.size) <= 1 + 1 / 49 * one.size


def test_rates_and_layers_left_out():
    scores = {path: np.abs(FINAL[path]) for path in SHAPES}
    assert select(scores, FULL, 0.5, rates={"b": 0.9}).densities == {"a": 0.5, "b": 0.9}
    for scope in ("layer", "global", "even"):
        assert select(scores, FULL, 0.5, scope, leave="b").densities == {"a": 0.5, "b": 1.0}
        assert select(scores, FULL, 0.5, scope, leave=("a", "b")) == FULL
    whole = choose("same_sign", SEEN, 0.5, leave="a")
    assert whole.densities["a"] == 1.0 > whole.densities["b"]


def test_ties_are_drawn_from_the_key_all_sets_alike():
    mask, scores = Mask({"w": np.ones(5)}), {"w": np.array([1.0, 1.0, 1.0, 1.0, 9.0])}
    counts = dict.fromkeys(itertools.combinations(range(4), 2), 0)
    for key in range(600):
        kept = select(scores, mask, 0.6, key=key).arrays["w"]
        assert kept[4] == 1
        counts[tuple(np.flatnonzero(kept[:4]))] += 1
    assert all(abs(many - 100) < 5 * np.sqrt(100) for many in counts.values())
    assert select(scores, mask, 0.6, key=3) == select(scores, mask, 0.6, key=3)


def test_a_layer_that_is_pruned_to_nothing_is_a_result_with_a_name():
    scores = {"a": np.zeros((4, 3)), "b": np.ones((2, 5))}
    mask = select(scores, FULL, 10 / 22, "global")
    assert mask.collapsed == ("a",)
    assert select(scores, mask, 0.5).collapsed == ("a",), "an empty layer stays empty"
    assert select({"a": np.full((4, 3), -np.inf), "b": np.ones((2, 5))}, FULL, 1.0) == FULL


def scored(**more):
    return {path: np.abs(FINAL[path]) for path in SHAPES} | more


NAN = np.array([[1.0, np.nan, 2.0]] * 4)


def own(score, needs=("final",), **more):
    return Criterion("own", "of mine", "me", needs, score, **more)


def of_own(give, **more):
    """What becomes of a person's criterion that gives this for every layer."""
    score = own(lambda weights, found: {path: give(one) for path, one in found["final"].items()}, **more)
    return lambda: choose(score, SEEN, 0.5)


INFINITE = {"a": np.full((4, 3), np.inf), "b": FINAL["b"]}
BAD = {
    "a score that is no number": (lambda: select(scored(a=NAN), FULL, 0.5), DataError, "got 4 that are NaN"),
    "scores of another network": (lambda: select(scored(c=NAN), FULL, 0.5), UsageError, "got some for 'c'"),
    "no score of a layer": (lambda: select({"a": NAN}, FULL, 0.5), UsageError, "got none for 'b'"),
    "another shape": (lambda: select(scored(a=np.ones(12)), FULL, 0.5), UsageError, "expected shape .4, 3. at a"),
    "text": (lambda: select(scored(a=np.full((4, 3), "x")), FULL, 0.5), UsageError, "an array of real numbers"),
    "a density of 0": (lambda: select(scored(), FULL, 0.0), UsageError, "above 0 and at most 1, got 0.0"),
    "a density in percent": (lambda: select(scored(), FULL, 20), UsageError, "at most 1, got 20"),
    "no number": (lambda: select(scored(), FULL, float("nan")), UsageError, "got nan"),
    "a scope": (lambda: select(scored(), FULL, 0.5, "layers"), UsageError, "scope.*layers.*layer"),
    "rates": (lambda: select(scored(), FULL, 0.5, rates=0.9), UsageError, "rates: expected densities by layer"),
    "a rate of no layer": (lambda: select(scored(), FULL, 0.5, rates={"c": 0.9}), UsageError, "rates: 'c' covers none"),
    "a rate of 0": (lambda: select(scored(), FULL, 0.5, rates={"b": 0}), UsageError, "rates: b: expected the share"),
    "no layer left out": (lambda: select(scored(), FULL, 0.5, leave="c"), UsageError, "leave: 'c' covers none"),
    "no mask": (lambda: select(scored(), {"a": NAN}, 0.5), UsageError, "mask: expected a Mask"),
    "no key": (lambda: select({"a": np.ones((4, 3)), "b": np.ones((2, 5))}, FULL, 0.5, key="x"), UsageError, "key:"),
    "a criterion": (lambda: choose("large", SEEN, 0.5), UsageError, "criterion.*'large'.*large_"),
    "no weights": (lambda: choose("large_final", INITIAL, 0.5), UsageError, "weights: expected Weights"),
    "no final weights": (lambda: choose("movement", Weights(INITIAL, mask=FULL), 0.5), UsageError, "the end of the run"),
    "snip without a gradient": (
        lambda: choose("snip", Weights(INITIAL, FINAL, FULL), 0.5), UsageError, "for which data are needed",
    ),
    "a rate of what is left": (
        lambda: select(scored(), FULL, 0.5, rates={"b": 0.9}, leave="b"), UsageError, "rates: expected layers that are pruned",
    ),
    "rates for what is left": (lambda: select(scored(), FULL, 0.5, leave={"b": 0.9}), UsageError, "leave: expected names"),
    "rates that nothing reads": (
        lambda: choose("same_sign", SEEN, 0.5, rates={"b": 0.9}), UsageError, "rates: expected none for criterion 'same_sign'",
    ),
    "a criterion that gives nothing": (lambda: choose(own(lambda w, f: None), SEEN, 0.5), UsageError, "got none for 'a'"),
    "a criterion that fails": (
        lambda: choose(own(lambda w, f: 1 / 0), SEEN, 0.5), UsageError, "criterion 'own': expected scores.*ZeroDivisionError",
    ),
    "a criterion of one argument": (lambda: choose(own(lambda w: 1), SEEN, 0.5), UsageError, "'own': expected scores.*TypeErr"),
    "a criterion that writes": (of_own(lambda one: one.__imul__(0)), UsageError, "'own': expected scores by path"),
    "a criterion of another shape": (of_own(lambda one: one[0]), UsageError, "scores: expected shape .4, 3. at a"),
    "a criterion of one number": (of_own(lambda one: 1.0), UsageError, "scores: expected shape .4, 3. at a, got ()"),
    "a complex criterion": (of_own(lambda one: 1j * one), UsageError, "scores: a: expected an array of real numbers"),
    "a criterion of no numbers": (of_own(lambda one: one * np.nan), DataError, "got 12 that are NaN"),
    "a criterion without a function": (lambda: own(None), UsageError, "criterion 'own': expected a function score"),
    "a criterion without a name": (
        lambda: Criterion(3, "", "", (), lambda w, f: f), UsageError, "criterion: expected a name, got 3",
    ),
    "unknown needs": (lambda: own(lambda w, f: f, ("finl",)), UsageError, "expected needs among .*'final'"),
    "needs in a text": (lambda: own(lambda w, f: f, "final"), UsageError, "expected needs among"),
    "no needs": (lambda: own(lambda w, f: f, 3), UsageError, "expected needs among"),
    "whole in words": (lambda: own(lambda w, f: f, whole="no"), UsageError, "whole: expected True or False"),
    "infinite weights": (
        lambda: choose("large_final", Weights(final=INFINITE, mask=FULL), 0.5), DataError, "final: a: expected finite.*diverged",
    ),
    "a start that diverged": (
        lambda: choose("same_sign", Weights(scored(a=NAN), FINAL, FULL), 0.5), DataError, "initial: a: expected finite",
    ),
    "no mask at all": (lambda: choose("random", Weights(), 0.5), UsageError, "mask=Mask.full"),
    "weights of another network": (
        lambda: choose("large_final", Weights(final={"a": NAN}, mask=FULL), 0.5), UsageError, "array at b",
    ),
    "weights that diverged": (
        lambda: choose("large_final", Weights(final=scored(a=NAN), mask=FULL), 0.5), DataError, "may have diverged",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_selected_by_is_refused_in_a_sentence(call, kind, told):
    with pytest.raises(kind, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_pruned_weight_may_be_anything():
    mask = Mask({"a": np.ones((4, 3)), "b": np.array([[0, 1, 1, 1, 1], [1, 1, 1, 1, 1]])})
    odd = {**FINAL, "b": FINAL["b"].copy()}
    odd["b"][0, 0] = np.nan
    assert choose("large_final", Weights(final=odd, mask=mask), 0.5).kept == 11


def test_whole_numbers_and_nested_scores_are_scores():
    ranks = own(
        lambda weights, found: {
            path: np.arange(one.size).reshape(one.shape) for path, one in found["final"].items()
        }
    )
    assert choose(ranks, SEEN, 0.5).arrays["b"].tolist() == [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]
