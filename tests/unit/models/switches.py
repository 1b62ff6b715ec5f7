"""Which side every ``max`` of a function takes: the pattern of its relus and of its max-pooling."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Literal


def pattern(function, *arguments):
    """All comparisons of the ``max`` operations in a function, in order, as one vector of booleans."""
    program = jax.make_jaxpr(function)(*arguments)
    found = []

    def run(jaxpr, constants, values):
        known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *values), strict=True))
        for step in jaxpr.eqns:
            taken = [one.val if isinstance(one, Literal) else known[one] for one in step.invars]
            inner = step.params.get("jaxpr", step.params.get("call_jaxpr"))
            if inner is not None:
                out = run(inner.jaxpr, inner.consts, taken)
            else:
                if step.primitive is lax.max_p:
                    found.append(jnp.ravel(taken[0] > taken[1]))
                out = step.primitive.bind(*taken, **step.params)
                out = out if step.primitive.multiple_results else [out]
            known.update(zip(step.outvars, out, strict=True))
        return [one.val if isinstance(one, Literal) else known[one] for one in jaxpr.outvars]

    run(program.jaxpr, program.consts, jax.tree.leaves(arguments))
    return jnp.concatenate(found) if found else jnp.zeros(0, bool)
