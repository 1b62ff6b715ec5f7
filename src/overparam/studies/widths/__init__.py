"""What sweeps over the width of a trained network share: arms, rules, preconditions, claims, outcomes, causes."""
