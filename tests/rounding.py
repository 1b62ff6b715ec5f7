"""How far two runs of one computation may part by rounding alone: the argument, stated once, for tests' tolerances.

Two compiled programs of the same mathematics sum in another order, fuse other multiplications, or use vectors of another
length: every processor has its own. Each stored number then carries a relative error of at most the unit roundoff u, half the
spacing of floats at 1, a sum of k terms one of at most k u (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
theorem 3.1 and section 4.2). A training run adds such an error in every step; a step that does not expand distances passes it
on unchanged, momentum m passes it on 1 / (1 - m) times, and what expands does so by a factor that the test must name.
"""

import numpy as np

SINGLE, DOUBLE = 2.0**-24, 2.0**-53


def run(steps, *, size=1.0, carry=1.0, growth=2.0, unit=SINGLE):
    """Largest difference of a parameter after some steps of two programs, each of which rounds it anew in every step.

    Args:
        steps: number of steps.
        size: largest parameter.
        carry: how often momentum repeats an error: 1 / (1 - momentum); 10 for Adam, whose first average decays by 0.9.
        growth: by how much training may expand a distance over the whole run.
        unit: unit roundoff.

    >>> run(1000) < 2.5e-4
    True
    """
    return 2 * steps * size * carry * growth * unit


def sums(terms, *, layers=1, unit=SINGLE):
    """Largest relative difference of two chains of sums of products, against the sum of the products' sizes.

    Args:
        terms: terms of the longest sum; each is a product, which rounds once more.
        layers: sums one after another.
        unit: unit roundoff.

    >>> sums(7) == 2 * 8 * 2.0**-24
    True
    """
    return 2 * layers * (terms + 1) * unit


def solved(condition, size, *, unit=DOUBLE):
    """Largest relative difference of two solutions of one linear system: condition times the error of a factorisation.

    Args:
        condition: of the matrix.
        size: its larger side.
        unit: unit roundoff.
    """
    return 8 * float(np.asarray(condition)) * size * unit
