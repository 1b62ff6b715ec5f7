"""The controls of the studies on sparsity: where the statement holds, each reads another number and does not hold."""

import numpy as np
import pytest

from overparam.core.registry import studies

SPARSITY = (
    "lottery-tickets",
    "ticket-weights",
    "mask-criteria",
    "supermasks",
    "edge-popup",
    "pruning-at-init",
    "ticket-transfer",
    "sparse-double-descent",
    "subset-sums",
)
CLAIMS = [
    pytest.param(claim, id=f"{name}-{claim.name}")
    for name, study in studies().items()
    if name in SPARSITY
    for claim in study.claims
    if claim.control
]


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_control_reads_another_number_and_fails_where_the_statement_holds(claim):
    planted = claim.effect(np.random.default_rng(0))
    found, control = claim.judge(planted), claim.judge_control(planted)
    assert found.status == "supported"
    assert control.status != "supported"
    assert control.parts[0].effect != found.parts[0].effect
