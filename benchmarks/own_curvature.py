"""Curvature of a network: accuracy against cost of the ten largest eigenvalues and of the spectrum, ours and the peers'.

    python benchmarks/own_curvature.py --peer PYTHON-WITH-PEERS [--quick]

Networks of tanh units trained on scikit-learn's digits, float64, one batch, cross-entropy: 64-32-32-10, 3,466 parameters, with
the dense Hessian and all its eigenvalues as the truth; and 64-256-256-10, 85,002 parameters, with eigenvalues of residual
1e-11 as the truth. Every package runs at several settings, in turns, on one core; the table holds the error and the processor
time of each, the goals compare the cheapest settings that reach one accuracy. hessian-eigenthings is run as it is by default,
and with all vectors kept orthogonal. Ours runs on the same PyTorch network where this Python has PyTorch, and on JAX,
compilation included in neither side's time (each side warms up once).
"""

import importlib.util
import itertools
import sys
import tempfile
from pathlib import Path

import common
import numpy as np

SIZES = {"3,466 parameters": (64, 32, 32, 10), "85,002 parameters": (64, 256, 256, 10)}
SMALL = "3,466 parameters"
K = 10
SETTINGS = {
    "ours, PyTorch": (1e-1, 1e-2, 1e-4, 1e-6),
    "ours, JAX": (1e-1, 1e-2, 1e-4, 1e-6),
    "hessian-eigenthings": (20, 30, 40, 60, 90),
    "hessian-eigenthings, all orthogonal": (60, 90),
    "curvlinops": (1e-1, 1e-2, 1e-4, 1e-6),
    "PyHessian": (1e-2, 1e-3, 1e-4, 1e-6),
}
STEPS = (
    "hessian-eigenthings",
    "hessian-eigenthings, all orthogonal",
)  # whose setting is steps; else a tolerance
TARGETS = (1e-2, 1e-4, 1e-8)
LARGE = {  # settings for the larger network, where each takes longer
    "ours, PyTorch": (1e-2, 1e-5),
    "ours, JAX": (1e-2, 1e-5),
    "hessian-eigenthings": (30, 40, 70),
    "hessian-eigenthings, all orthogonal": (70,),
    "curvlinops": (1e-2, 1e-5),
    "PyHessian": (1e-3, 1e-4),
}
RUNS = ((20, 4), (40, 8), (80, 8))  # Lanczos steps and random starts of a density
NEAR = (2e-3, 1e-3)  # mean distances of spectra at which seconds are compared
SPECTRA = ("ours, PyTorch", "ours, JAX", "hessian-eigenthings", "curvlinops", "PyHessian")
PEERS = (*STEPS, "curvlinops", "PyHessian")


def main():
    args = common.arguments(__doc__, repeats=3).parse_args()
    if args.worker:
        common.serve({"write": write, "top": top, "density": density, "truth": truth})
        return
    if not args.peer:
        common.skip("own_curvature needs the peers of peers_curvature.txt: give --peer PYTHON")
    with tempfile.TemporaryDirectory() as folder, common.Children() as children:
        other = children.start(
            ["env", "-u", "PYTHONPATH", args.peer, _beside("peer_torch_curvature.py")], common.cores()[:1]
        )
        environment = common.describe(other.ask("versions"))
        found = measured(children, other, common.repeats(args), args.quick, Path(folder))
    common.finish(args, {
        "benchmark": "own_curvature", "title": "Eigenvalues and spectra of a network's Hessian", "environment": environment,
        "question": "How accurate is what each package returns, and what does it cost?",
        "conditions": {
            "problem": "tanh networks on 600 digits of scikit-learn, cross-entropy, float64, one batch, 300 steps of Adam",
            "error": f"largest difference of the {K} values from the truth, over the largest; Wasserstein distance for spectra",
            "repeats": f"{common.repeats(args)} seeds in turns; processor seconds of one core, one product done before",
        },
        **found,
    })  # fmt: skip


def measured(children, other, repeats, quick, folder):
    """Goals, tables, bars and notes, for the benchmark of a person's own network."""
    me = children.start([sys.executable, _beside("own_curvature.py"), "--worker", "serve"], common.cores()[:1])
    found = {"goals": [], "bars": [], "tables": [], "notes": []}
    for name, sizes in list(SIZES.items())[: 1 if quick else 2]:
        path = str(folder / f"{sizes[1]}.npz")
        me.ask("write", path=path, sizes=sizes, steps=30 if quick else 300)
        me.ask("truth", path=path, dense=name == SMALL)
        eigenvalues(me, other, name, path, repeats, quick, found)
        if name == SMALL:
            densities(me, other, path, repeats, quick, found)
    return found


def eigenvalues(me, other, name, path, repeats, quick, found):
    """The table of the largest eigenvalues, and ratios at equal accuracy."""
    runs = {}
    for seed in range(repeats):
        for package, settings in (SETTINGS if name == SMALL else LARGE).items():
            side = other if package in PEERS else me
            for setting in settings[:2] if quick else settings:
                answer = side.ask("top", path=path, package=package, k=K, setting=setting, seed=seed)
                runs.setdefault((package, setting), []).append(answer)
    right = me.ask("truth", path=path, dense=name == SMALL)
    rows, best = [], {}
    for (package, setting), answers in runs.items():
        if "failed" in answers[0]:
            found["notes"].append(f"{package}, {name}: {answers[0]['failed']}")
            continue
        errors = [error_of(one["found"], right) for one in answers]
        cpu = [one["cpu"] for one in answers]
        rows.append(
            [
                package,
                f"{'steps' if package in STEPS else 'tolerance'} {setting:g}",
                max(errors),
                common.spread(cpu)["median"],
            ]
        )
        for target in TARGETS:
            if max(errors) <= target:
                keep(best, package, target, cpu)
    columns = ["package", "setting", "worst error", "seconds"]
    found["tables"].append({"title": f"Ten largest eigenvalues, {name}", "columns": columns, "rows": rows})
    told(found["tables"][-1])
    for target in TARGETS:
        compared(best, target, f"Ten largest eigenvalues, error at most {target:g}, {name}", found)


def keep(best, package, target, cpu):
    """Seconds of the cheapest setting that reaches a target; the ways to call one package count as one."""
    side = package if package.startswith("ours") else package.split(",")[0]
    if (side, target) not in best or common.spread(cpu)["median"] < common.spread(best[side, target])["median"]:
        best[side, target] = cpu


def compared(best, target, text, found):
    """Goals: each peer's cheapest setting that reaches a target over each of ours."""
    for peer in dict.fromkeys(one.split(",")[0] for one in PEERS):
        if (peer, target) not in best:
            found["notes"].append(f"{text}: reached by no setting of {peer} that was tried.")
            continue
        for mine in ("ours, PyTorch", "ours, JAX"):
            if (mine, target) in best:
                ratio = common.ratios(best[mine, target], best[peer, target])
                found["goals"].append(common.goal(f"{text}: {peer} over {mine}", ratio, "x", at_least=1.0))
            else:
                found["notes"].append(f"{text}: reached by no setting of {mine} that was tried.")


def densities(me, other, path, repeats, quick, found):
    """The table of the spectra: distance from all eigenvalues, and what it took."""
    runs = {}
    for seed in range(repeats):
        for package in SPECTRA:
            side = other if package in PEERS else me
            for steps, samples in RUNS[:1] if quick else RUNS:
                ask = {"path": path, "package": package, "steps": steps, "samples": samples, "seed": seed}
                runs.setdefault((package, steps, samples), []).append(side.ask("density", **ask))
    every = np.array(me.ask("truth", path=path, dense=True, whole=True))
    rows, best = [], {}
    for (package, steps, samples), answers in runs.items():
        if "failed" in answers[0]:
            found["notes"].append(f"{package}, density: {answers[0]['failed']}")
            continue
        far = [distance(*one["found"], every) for one in answers]
        ghosts = [above(one["found"][0], every) for one in answers]
        cpu = [one["cpu"] for one in answers]
        mean = sum(far) / len(far)
        rows.append(
            [package, f"{samples} starts of {steps}", mean, max(far), max(ghosts), common.spread(cpu)["median"]]
        )
        for target in NEAR:
            if mean <= target:
                keep(best, package, target, cpu)
    columns = [
        "package",
        "setting",
        "mean distance over the range",
        "worst",
        "nodes above the 11th eigenvalue",
        "seconds",
    ]
    found["tables"].append({"title": f"Spectrum, {SMALL}", "columns": columns, "rows": rows})
    told(found["tables"][-1])
    for target in NEAR:
        compared(best, target, f"Spectrum, distance at most {target:g}, {SMALL}", found)


def told(table):
    """Print a table as it is known."""
    print(
        table["title"], *(", ".join(map(common.number, row)) for row in table["rows"]), sep="\n  ", flush=True
    )


def error_of(values, right):
    """Largest difference of the ten values of largest size from the true ones, over the largest."""
    order = sorted(values, key=lambda one: -abs(one))
    return max(abs(a - b) for a, b in zip(order, right, strict=True)) / abs(right[0])


def distance(nodes, weights, every):
    """Wasserstein distance between weighted nodes, all starts together, and all eigenvalues, over their range."""
    from scipy.stats import wasserstein_distance

    flat = np.concatenate([np.asarray(one) for one in nodes])
    mass = np.concatenate([np.maximum(np.asarray(one), 0) for one in weights])
    return float(wasserstein_distance(flat, every, mass, None) / (every[-1] - every[0]))


def above(nodes, every):
    """The most nodes of a start above the middle of the tenth and the eleventh eigenvalue: ten are there."""
    bound = (every[-10] + every[-11]) / 2
    return max(int((np.asarray(one) > bound).sum()) for one in nodes)


# what runs in the child of our side
MODELS, TRUTH = {}, {}


def write(path, sizes, steps):
    """Train a network and write weights and data; return its loss."""
    import jax
    import jax.numpy as jnp
    import optax
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, y = jnp.asarray(x[:600] / 16, jnp.float32), jnp.asarray(y[:600])
    rng = np.random.default_rng(0)
    pairs = list(itertools.pairwise(sizes))
    params = [(rng.normal(size=(b, a)).astype(np.float32) / a**0.5, np.zeros(b, np.float32)) for a, b in pairs]
    adam = optax.adam(1e-3)

    def loss(params):
        out = forward(params, x, jnp.tanh)
        return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()

    @jax.jit
    def step(params, state):
        value, slope = jax.value_and_grad(loss)(params)
        move, state = adam.update(slope, state)
        return optax.apply_updates(params, move), state, value

    state = adam.init(params)
    for _ in range(steps):
        params, state, value = step(params, state)
    arrays = {f"weight{at}": np.asarray(one[0], np.float64) for at, one in enumerate(params)}
    arrays |= {f"bias{at}": np.asarray(one[1], np.float64) for at, one in enumerate(params)}
    np.savez(path, sizes=np.array(sizes), x=np.asarray(x, np.float64), y=np.asarray(y), **arrays)
    return float(value)


def forward(params, x, tanh):
    for at, (weight, bias) in enumerate(params):
        x = x @ weight.T + bias
        x = tanh(x) if at < len(params) - 1 else x
    return x


def opened(path, package):
    """The model of a file, opened once and warmed up."""
    if (path, package) in MODELS:
        return MODELS[path, package]
    from overparam.operators import open_model

    with np.load(path) as arrays:
        sizes, x, y = arrays["sizes"].tolist(), arrays["x"], arrays["y"]
        layers = [(arrays[f"weight{at}"], arrays[f"bias{at}"]) for at in range(len(sizes) - 1)]
    if package == "ours, JAX":
        import jax.numpy as jnp

        model = open_model(lambda params, x: forward(params, x, jnp.tanh), (x, y), params=layers, batch=len(x))
    else:
        import torch

        torch.set_num_threads(1)
        parts = []
        for weight, bias in layers:
            layer = torch.nn.Linear(*weight.shape[::-1]).double()
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(weight))
                layer.bias.copy_(torch.from_numpy(bias))
            parts += [layer, torch.nn.Tanh()]
        model = open_model(torch.nn.Sequential(*parts[:-1]), (x, y), batch=len(x))
    model.product("hessian", np.ones(model.size))
    MODELS[path, package] = model
    return model


def missing(package):
    return package == "ours, PyTorch" and importlib.util.find_spec("torch") is None


def top(path, package, k, setting, seed):
    """Our eigenvalues at a tolerance."""
    from overparam.probes.curvature import top_eigenvalues

    if missing(package):
        return {"failed": "this Python has no PyTorch"}
    model = opened(path, package)
    with common.Clock() as clock:
        found = top_eigenvalues(model, k, tolerance=setting, seed=seed)
    return {"found": found.values.tolist(), "products": found.products, **clock.seconds()}


def density(path, package, steps, samples, seed):
    """Our spectrum."""
    from overparam.probes.curvature import spectral_density

    if missing(package):
        return {"failed": "this Python has no PyTorch"}
    model = opened(path, package)
    with common.Clock() as clock:
        found = spectral_density(model, steps=steps, samples=samples, seed=seed)
    return {
        "found": [[one.tolist() for one in part] for part in (found.nodes, found.weights)],
        **clock.seconds(),
    }


def truth(path, dense, whole=False):
    """The ten eigenvalues of largest size, of the dense matrix or with residuals of 1e-11; or all."""
    if path not in TRUTH:
        from overparam.operators import hessian
        from overparam.probes.curvature import top_eigenvalues

        model = opened(path, "ours, JAX")
        if dense:
            matrix = hessian(model) @ np.eye(model.size)
            TRUTH[path] = np.linalg.eigvalsh((matrix + matrix.T) / 2)
        else:
            TRUTH[path] = top_eigenvalues(model, K, tolerance=1e-11, seed=99).values
    values = TRUTH[path]
    return values.tolist() if whole else sorted(values.tolist(), key=lambda one: -abs(one))[:K]


def _beside(name):
    return str(Path(__file__).with_name(name))


if __name__ == "__main__":
    main()
