"""How long a predicted risk curve takes: ``python benchmarks/theory_curves.py``.

200 widths from a spectrum of 2,000 eigenvalues, without a penalty, with one, and with the best one at each width; then
the whole of ``overparam.risk_curve`` on 2,000 samples, eigenvectors and noise estimate included. In a fresh process
that may use two cores.
"""

import sys
import time

import common

EIGENVALUES, WIDTHS, SAMPLES = 2000, 200, 2000


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(eigenvalues, widths, samples):
    """Seconds of each curve, by name."""
    import numpy as np

    from overparam.own.risk import risk_curve
    from overparam.theory import optimal_ridge_risk, random_feature_risk

    lam = 1.0 / np.arange(1, eigenvalues + 1) ** 1.3
    n = eigenvalues // 10
    k = np.unique(np.geomspace(2, 20 * n, 3 * widths).astype(int))
    k = k[np.linspace(0, len(k) - 1, widths).astype(int)]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, 50))
    kernel = np.exp(-np.square(x[:, None, :10] - x[None, :, :10]).sum(axis=2) / 20)
    y = x[:, 0] + rng.standard_normal(samples)
    return {
        "minimum norm": timed(lambda: random_feature_risk(lam, lam, n, k, 0.0, 0.1)),
        "one penalty": timed(lambda: random_feature_risk(lam, lam, n, k, 1e-3, 0.1)),
        "best penalty": timed(lambda: optimal_ridge_risk(lam, lam, n, k, 0.1)),
        "from data": timed(lambda: risk_curve(kernel=kernel, y=y, widths=list(k), noise=None)),
    }


def main():
    parser = common.arguments(__doc__)
    args = parser.parse_args()
    if args.worker:
        common.serve({"measure": measure})
        return
    size = (200, 20, 100) if args.quick else (EIGENVALUES, WIDTHS, SAMPLES)
    environment = common.describe()
    found = []
    for _ in range(common.repeats(args)):
        with common.Children() as children:
            child = children.start([sys.executable, __file__, "--worker", "one"], common.cores()[:2])
            child.ask("measure", eigenvalues=20, widths=5, samples=20)  # imports
            found.append(
                child.ask("measure", **dict(zip(("eigenvalues", "widths", "samples"), size, strict=True)))
            )
    curves = [f["minimum norm"] + f["best penalty"] for f in found]
    texts = {
        "minimum norm": f"{size[1]} widths at {size[0]:,} eigenvalues, minimum norm",
        "one penalty": "the same with one penalty",
        "best penalty": "the same with the best penalty at each width",
        "from data": f"risk_curve on a kernel of {size[2]:,} samples, noise estimated",
    }
    spreads = {texts[name]: common.spread(f[name] for f in found) for name in texts}
    common.finish(args, {
        "benchmark": "theory_curves", "title": "Predicted risk curves", "environment": environment,
        "question": "How long does one wait for a predicted curve?",
        "conditions": {"sizes": f"{size[1]} widths, {size[0]:,} eigenvalues, n = {size[0] // 10}; {size[2]:,} samples",
                       "repeats": f"{common.repeats(args)}; wall clock, fresh processes on up to two cores"},
        "goals": [
            common.goal("Minimum norm and best penalty together", common.spread(curves), "s", at_most=2.0),
            *(common.goal(text, f, "s") for text, f in spreads.items()),
        ],
        "bars": [{"title": "Seconds", "unit": "s",
                  "values": [{"label": text, "mine": True, **f} for text, f in spreads.items()]}],
        "tables": [], "notes": [],
    })  # fmt: skip


if __name__ == "__main__":
    main()
