"""The claims on linear systems: sentence, rule in words, control and preconditions."""

from __future__ import annotations

from functools import partial

from overparam.core import Claim, Control, Precondition
from overparam.studies.linear_system import rules

BRACKET = Precondition(
    "bracket",
    "The sizes surround m: at least five in [0.8, 1.25] m, one of them within 2 % of m.",
    rules.bracketed,
)
COPIES = "Half of the unknowns repeat others, so that the rank is n/2 rounded up: the same rule"
WHITENED = "The same systems with all singular values made equal (perfect preconditioning), under the same rule"

CLAIMS = (
    Claim(
        name="residual",
        sentence="Below m unknowns a random right-hand side keeps the share 1 - n/m of its squared length as "
        "residual; from n = m on nothing is left.",
        ledger=("L48",),
        source="he2021",
        rule="Mean of |Ax - b|^2 / |b|^2 over right-hand sides, divided by 1 - n/m, at the size n < m where its "
        "mean over all seeds is farthest from 1 (which works against the claim): the 95 % Student t interval "
        "lies in [0.97, 1.03]. And the largest of these residuals over all n >= m, as a power of ten, is at "
        "most -20: float64 gives about (2.2e-16 times the condition number of A) squared, not zero.",
        judge=rules.line_of_residuals,
        control=Control(f"{COPIES} finds another line.", partial(rules.line_of_residuals, arm="copies_")),
        preconditions=(BRACKET,),
        chart="residual",
    ),
    Claim(
        name="solvable",
        sentence="Ax = b has a solution for every b exactly when there are at least as many unknowns as "
        "equations, n >= m (for a matrix of full rank).",
        ledger=("L48",),
        source="he2021",
        rule="Every b has a solution if and only if rank(A) = m; the rank counts singular values above max(m, n) "
        "times 2.2e-16 of the largest. Share of the sizes at which 'rank(A) = m' and 'n >= m' are both true or "
        "both false: the 95 % Student t interval over seeds is at least 1, so no size of any seed may differ.",
        judge=rules.solvable_from_m,
        control=Control(
            f"{COPIES} disagrees: enough unknowns do not suffice.",
            partial(rules.solvable_from_m, arm="copies_"),
        ),
        preconditions=(BRACKET,),
        chart="rank",
    ),
    Claim(
        name="slowest",
        sentence="Gradient descent needs most iterations where unknowns and equations are equally many.",
        ledger=("L48",),
        source="he2021",
        rule="For each seed the n/m of the most iterations to the asked relative error of x; the 95 % interval of "
        "its geometric mean, no narrower than the grid, lies in [0.9, 1.1].",
        judge=rules.slowest_at_m,
        control=Control(f"{WHITENED}: no peak at n = m.", partial(rules.slowest_at_m, arm="whitened_")),
        preconditions=(BRACKET,),
        chart="iterations",
    ),
    Claim(
        name="faster",
        sentence="With more unknowns than equations gradient descent becomes fast: at n = 4m it takes less than a "
        "twentieth of the iterations at n = 1.05m.",
        ledger=("L48",),
        source="he2021",
        rule="Ratio of the iterations at 4 m to those at 1.05 m, paired by seed; the 95 % interval of its "
        "geometric mean is at most 1/20.",
        judge=rules.fast_beyond,
        control=Control(f"{WHITENED}: no gain.", partial(rules.fast_beyond, arm="whitened_")),
        preconditions=(BRACKET,),
        chart="iterations",
    ),
)
