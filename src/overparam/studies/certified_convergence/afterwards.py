"""A network that is far too narrow to be certified at its start, certified on its way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

LIMIT = 20_000  # steps until it must have fired
GROWTH = 1.25  # between the steps at which it is tried
POINTS = 41
ALLOWED = 1 + 1e-9


def fired(x: Any, y: Any, activation: str, seed: int) -> dict[str, Any]:
    """When a certificate first holds along gradient descent, and the course before and behind that step.

    Args:
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)``.
        activation: a smooth one.
        seed: draws the weights.
    """
    import numpy as np

    from overparam.own.descent import descend
    from overparam.own.instance import draw_instance
    from overparam.theory.certificates import certify_two_layer

    start = draw_instance(x, y, activation, 3 * len(x), seed)
    step = 0.5 / float(np.linalg.eigvalsh(start.kernel())[-1])
    first = certify_two_layer(start.weights, start.output, x, y, start.activation, flow=True).h
    here, done, found = start, 0, None
    norms = [float(np.linalg.norm(start.residual()))]
    while found is None and done < LIMIT:
        more = max(1, round(done * (GROWTH - 1)))
        course = descend(here, step, more)
        if course.diverged:
            break
        norms += course.norms[1:].tolist()
        here, done = replace(here, weights=course.weights), done + more
        made = certify_two_layer(here.weights, here.output, x, y, here.activation, step=step)
        if not made.certified and made.largest_step > 0:
            made = certify_two_layer(here.weights, here.output, x, y, here.activation)
        found = made if made.certified else None
    if found is None:
        return {"after_certified": [0], "after_failed": [0], "after_h": first, "after_step": None}
    course = descend(here, found.step, 9 * done)
    bound = found.envelope(np.arange(len(course.norms)))
    over = max(float((course.norms / bound).max()), float(course.path[-1] / found.distance))
    norms += course.norms[1:].tolist()
    share = np.geomspace(0.01, 10.0, POINTS)
    places = np.minimum(np.rint(share * done).astype(int), len(norms) - 1)
    return {
        "after_certified": [1],
        "after_failed": [int(over > ALLOWED)],
        "after_h": first,
        "after_step": done,
        "after_residual": norms[done] / norms[0],
        "after": share.tolist(),
        "after_course": [norms[t] / norms[0] for t in places],
        "after_envelope": [
            float(found.envelope(t - done)[0]) / norms[0] if t >= done else None for t in places
        ],
    }
