"""Hessian-vector products of your own network: their cost in gradients, and against curvlinops.

    python benchmarks/own_products.py --peer PYTHON-WITH-CURVLINOPS [--repeats 5] [--quick]

An MLP 784-512-512-10 with batch normalisation (512 examples), a CNN of three convolutions (128) and a block of attention (32),
float32, mean cross-entropy, one batch. A round makes 20 products with a model that has none yet: the choice of the way and the
building of its graph are counted. Beside it plain gradients of the same network in the same process, the mean of ten. Ours runs
in PyTorch, and the same shapes in JAX, whose compilation is not counted. One thread on one core, in turns, in processor seconds.
"""

import sys
import time
from pathlib import Path

import common
import numpy as np
import own_products_nets as nets

BATCH = {"mlp": 512, "cnn": 128, "attention": 32}
TITLES = {
    "mlp": "MLP 784-512-512-10, 512 examples",
    "cnn": "CNN, 128 examples",
    "attention": "attention block, 32 examples",
}
NUMBER, MOST = 20, 2.5  # products of a round, and gradients that one may cost
GRADIENTS = 10  # of a round
SAME = 1e-3  # relative difference of products in float32
KEPT = {}


def main():
    args = common.arguments(__doc__, repeats=5).parse_args()
    if args.worker:
        common.serve({"ready": ready, "gradient": gradient, "products": products})
        return
    if not args.peer:
        common.skip("own_products needs the peers of peers_curvature.txt: give --peer PYTHON")
    with common.Children() as children:
        peer = ["env", "-u", "PYTHONPATH", args.peer, str(Path(__file__).with_name("peer_own_products.py"))]
        other = children.start(peer, common.cores()[:1])
        environment = common.describe(other.ask("versions"))
        found = measured(children, other, common.repeats(args), args.quick)
    common.finish(args, {
        "benchmark": "own_products", "title": "Hessian-vector products of your own network", "environment": environment,
        "question": "What does a product cost in gradients, with everything counted, and is it as fast as the peer's?",
        "conditions": {
            "problem": "float32, mean cross-entropy, one batch, evaluation mode",
            "repeats": f"{common.repeats(args)} rounds of {NUMBER} products, in turns; processor seconds of one core",
        },
        **found,
    })  # fmt: skip


def measured(children, other, repeats, quick):
    """Goals, bars, tables and notes, for the benchmark of a person's own network."""
    me = children.start([sys.executable, __file__, "--worker", "serve"], common.cores()[:1])
    found = {"goals": [], "bars": [], "tables": [], "notes": []}
    rows = []
    for name, batch in BATCH.items():
        many = batch // 8 if quick else batch
        other.ask("ready", name=name, batch=many)
        words = {side: me.ask("ready", name=name, batch=many, side=side) for side in ("torch", "jax")}
        ours, theirs = (one.ask("products", name=name, number=1, first=True) for one in (me, other))
        apart = np.abs(np.subtract(ours, theirs)).max() / np.abs(theirs).max()
        if apart > SAME:
            raise SystemExit(f"own_products: the products of {name} differ by {apart:.2g} of the largest")
        spent = {key: [] for key in ("torch", "jax", "peer", "gradient", "jax gradient", "peer gradient")}
        for _ in range(repeats):
            for side, key in ((me, ""), (other, "peer ")):
                spent[f"{key}gradient"].append(side.ask("gradient", name=name, number=GRADIENTS) / GRADIENTS)
            spent["jax gradient"].append(
                me.ask("gradient", name=name, number=GRADIENTS, side="jax") / GRADIENTS
            )
            spent["torch"].append(me.ask("products", name=name, number=NUMBER) / NUMBER)
            spent["peer"].append(other.ask("products", name=name, number=NUMBER) / NUMBER)
            spent["jax"].append(me.ask("products", name=name, number=NUMBER, side="jax") / NUMBER)
        title = TITLES[name]
        found["goals"] += [
            common.goal(
                f"{title}: gradients a product",
                common.ratios(spent["gradient"], spent["torch"]),
                "gradients",
                at_most=MOST,
            ),
            common.goal(
                f"{title}: gradients a product, in JAX",
                common.ratios(spent["jax gradient"], spent["jax"]),
                "gradients",
                at_most=MOST,
            ),
            common.goal(
                f"{title}: curvlinops over ours",
                common.ratios(spent["torch"], spent["peer"]),
                "x",
                at_least=1.0,
            ),
        ]
        for label, key, against in (
            ("ours, PyTorch", "torch", "gradient"), ("ours, JAX", "jax", "jax gradient"), ("curvlinops", "peer", "peer gradient"),
        ):  # fmt: skip
            rows.append([
                title, label, common.shown(common.spread([1e3 * one for one in spent[key]]), "ms"),
                common.shown(common.ratios(spent[against], spent[key])),
            ])  # fmt: skip
        found["notes"].append(
            f"{title}: PyTorch, {words['torch'].split(';')[0]}; JAX, {words['jax'].split(';')[0]}."
        )
    found["tables"].append({
        "title": f"A product, amortised over {NUMBER}, choice and building counted",
        "columns": ["network", "package", "processor time", "its own gradients"], "rows": rows,
    })  # fmt: skip
    return found


def opened(name, batch, side):
    """A model that has made no products yet."""
    from overparam import open_model

    x, y = nets.data(name, batch)
    if side == "torch":
        return open_model(nets.network(name), (x, y), batch=batch)
    import jax

    network, x = in_jax(name, x)
    return open_model(network, (x, y), params=network.init(jax.random.key(0), x[:1]), batch=batch)


def in_jax(name, x):
    """The same shapes in Flax."""
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            if name == "mlp":
                for _ in range(2):
                    x = nn.relu(nn.BatchNorm(use_running_average=True)(nn.Dense(512)(x)))
            elif name == "cnn":
                for channels in (16, 32):
                    x = nn.max_pool(nn.relu(nn.Conv(channels, (3, 3))(x)), (2, 2), (2, 2))
                x = nn.relu(nn.Conv(64, (3, 3))(x)).mean((1, 2))
            else:
                x = nn.Dense(128)(x)
                x = x + nn.MultiHeadDotProductAttention(4)(nn.LayerNorm()(x))
                x = (x + nn.Dense(128)(nn.gelu(nn.Dense(512)(nn.LayerNorm()(x))))).mean(1)
            return nn.Dense(10)(x)

    return Net(), x.transpose(0, 2, 3, 1) if name == "cnn" else x


def ready(name, batch, side):
    """Open the model, and make a gradient and a product: what is loaded and compiled is not counted."""
    if side == "torch":
        import torch

        torch.set_num_threads(1)
    model = opened(name, batch, side)
    KEPT[name, side] = model
    model.gradient()
    model.product("hessian", np.ones(model.size, np.float32))
    return model.costs["hessian"]


def gradient(name, number, side="torch"):
    """Processor seconds of so many gradients: by PyTorch alone, or by the compiled program of JAX."""
    model = KEPT[name, side]
    if side == "jax":
        start = time.process_time()
        for _ in range(number):
            model.gradient()
        return time.process_time() - start
    import torch

    net = model.module.eval()
    batch = next(iter(model.batches()))
    own = list(net.parameters())
    start = time.process_time()
    for _ in range(number):
        torch.autograd.grad(torch.nn.functional.cross_entropy(net(batch.args[0]), batch.targets), own)
    return time.process_time() - start


def products(name, number, side="torch", first=False):
    """Processor seconds of so many products with a model that has made none, or the first numbers of one product."""
    model = KEPT[name, side].at(KEPT[name, side].vector())
    vector = np.ones(model.size, np.float32)
    start = time.process_time()
    for _ in range(number):
        found = model.product("hessian", vector)
    spent = time.process_time() - start
    return [float(one) for one in found[:: max(1, len(vector) // 50)]] if first else spent


if __name__ == "__main__":
    main()
