"""How long a certificate takes: ``python benchmarks/certificates.py``.

Gradient descent on a two-layer network of 4,096 units and 500 examples of 100 features, first layer trained: the whole
of ``overparam.theory.certificates.certify_two_layer``, rounding bounds and largest step included. Beside it gradient flow
of a relu network, a small network with three layers, and the singular values alone by NumPy. In a fresh process that may
use two cores.
"""

import sys
import time

import common

EXAMPLES, UNITS, FEATURES = 500, 4096, 100


def timed(work):
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def measure(examples, units, features):
    """Seconds of each certificate, by name, and which are certified."""
    import numpy as np

    from overparam.theory.activations import activation
    from overparam.theory.certificates import Dense, certify_dense, certify_two_layer

    rng = np.random.default_rng(0)
    x = rng.normal(size=(examples, features))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = rng.choice([-1.0, 1.0], size=examples)
    half = rng.normal(size=(units // 2, features))
    w, v = np.vstack([half, half]), np.repeat([1.0, -1.0], units // 2)
    small = min(50, examples)
    layers = tuple(rng.normal(size=(b, a)) / np.sqrt(a) for a, b in ((features, 64), (64, 64), (64, 1)))
    deep = Dense(layers, (None,) * 3, (1.0,) * 3, activation("tanh"))
    slopes = 0.5 * (1 + np.tanh(0.5 * (x @ w.T))) * v
    seconds, certified = {}, {}
    for name, work in {
        "descent": lambda: certify_two_layer(w, 100.0 * v, x, y, "softplus"),
        "refused": lambda: certify_two_layer(w, 0.01 * v, x, y, "softplus"),
        "relu flow": lambda: certify_two_layer(w, v, x, 0.01 * y, "relu", flow=True),
        "three layers": lambda: certify_dense(deep, x[:small], y[:small]),
    }.items():
        seconds[name], found = timed(work)
        certified[name] = found.certified
    seconds["plain"], _ = timed(lambda: np.linalg.eigvalsh((slopes @ slopes.T) * (x @ x.T)))
    return {"seconds": seconds, "certified": certified}


def main():
    parser = common.arguments(__doc__)
    args = parser.parse_args()
    if args.worker:
        common.serve({"measure": measure})
        return
    size = (40, 200, 20) if args.quick else (EXAMPLES, UNITS, FEATURES)
    environment = common.describe()
    found = []
    for _ in range(common.repeats(args)):
        with common.Children() as children:
            child = children.start([sys.executable, __file__, "--worker", "one"], common.cores()[:2])
            child.ask("measure", examples=5, units=10, features=5)  # imports
            found.append(
                child.ask("measure", **dict(zip(("examples", "units", "features"), size, strict=True)))
            )
    texts = {
        "descent": f"Gradient descent, {size[1]:,} units, {size[0]} examples",
        "refused": "the same with an output scale that is refused",
        "relu flow": "gradient flow of a relu network of that size",
        "three layers": f"three layers of 64 units, all trained, {min(50, size[0])} examples",
        "plain": "singular values alone, without a proof (eigvalsh of the Gram matrix)",
    }
    spreads = {texts[name]: common.spread(f["seconds"][name] for f in found) for name in texts}
    certified = [texts[name] for name, holds in found[0]["certified"].items() if holds]
    common.finish(args, {
        "benchmark": "certificates", "title": "Certificates of interpolation", "environment": environment,
        "question": "How long does one wait for a proof?",
        "conditions": {"sizes": f"{size[1]:,} units, {size[0]} examples of {size[2]} features, in float64",
                       "repeats": f"{common.repeats(args)}; wall clock, fresh processes on up to two cores"},
        "goals": [
            common.goal(text, f, "s", at_most=5.0 if name == "descent" else None)
            for name, (text, f) in zip(texts, spreads.items(), strict=True)
        ],
        "bars": [{"title": "Seconds", "unit": "s",
                  "values": [{"label": text, "mine": text != texts["plain"], **f} for text, f in spreads.items()]}],
        "tables": [], "notes": [f"Certified: {'; '.join(certified) or 'none'}."],
    })  # fmt: skip


if __name__ == "__main__":
    main()
