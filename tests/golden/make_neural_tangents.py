"""Make neural_tangents.json: analytic kernels of the neural-tangents package in float64.

It needs a Python of its own, because that package is no longer maintained: neural-tangents 0.6.5 (without its
dependencies), jax and jaxlib 0.4.25, scipy < 1.13, numpy < 2, frozendict, absl-py. TensorFlow, which it imports and
does not use here, is replaced by empty modules.

    PYTHON-WITH-NEURAL-TANGENTS tests/golden/make_neural_tangents.py
"""

import json
import sys
import types
from pathlib import Path

CONV = {"window": [3, 3]}


def dense_net(depth, *function, w=1.0, b=0.0):
    return [["dense", w, b], list(function)] * depth + [["dense", w, b]]


def conv_net(end, *, function=("relu",), **more):
    conv = ["conv", {**CONV, **more}]
    return [conv, list(function), conv, list(function), [end], ["dense", 1.0, 0.0]]


CASES = {
    **{f"relu depth {d}": ["rows", dense_net(d, "relu", w=1.4)] for d in (1, 2, 3, 4)},
    **{f"leaky depth {d}": ["rows", dense_net(d, "leaky", 0.2, w=1.2, b=0.3)] for d in (1, 2, 3, 4)},
    **{f"erf depth {d}": ["rows", dense_net(d, "erf", w=1.5, b=0.2)] for d in (1, 2, 3, 4)},
    **{f"gelu depth {d}": ["rows", dense_net(d, "gelu", w=1.3)] for d in (1, 2, 3, 4)},
    **{f"sine depth {d}": ["rows", dense_net(d, "sine", 1.7, w=1.1, b=0.1)] for d in (1, 2, 3, 4)},
    "polynomial depth 1": ["rows", dense_net(1, "polynomial", [0.3, -0.5, 0.2, 0.1])],
    "polynomial depth 2": ["rows", dense_net(2, "polynomial", [0.1, 0.4, -0.3, 0.05], b=0.2)],
    "abs": ["rows", dense_net(2, "leaky", -1.0)],
    "relu with bias": ["rows", dense_net(3, "relu", w=1.4, b=0.5)],
    "mixed": ["rows", [["dense", 1.2, 0.1], ["relu"], ["dense", 0.8, 0.0], ["erf"], ["dense", 1.0, 0.7]]],
    "no activation": ["rows", [["dense", 0.7, 0.2]] * 3],
    "norm": ["rows", [["dense", 1.3, 0.4], ["norm"], ["relu"], ["dense", 1.0, 0.2], ["norm"], ["gelu"], ["dense", 1, 0]]],
    "residual": ["rows", [
        ["dense", 1.1, 0.2],
        ["residual", [["relu"], ["dense", 1.2, 0.1], ["relu"], ["dense", 0.9, 0.0]], []],
        ["residual", [["erf"], ["dense", 1.2, 0.1]], [["dense", 0.5, 0.0]]],
        ["relu"], ["dense", 1.0, 0.0],
    ]],
    **{f"flatten {p}": ["maps", conv_net("flatten", padding=p)] for p in ("SAME", "VALID", "CIRCULAR")},
    **{f"pool {p}": ["maps", conv_net("pool", padding=p)] for p in ("SAME", "VALID", "CIRCULAR")},
    "flatten stride SAME": ["maps", conv_net("flatten", stride=[2, 2], bias=0.3, weight=1.2)],
    "flatten stride VALID": ["maps", conv_net("flatten", stride=[2, 1], padding="VALID", window=[2, 2])],
    "pool stride SAME": ["maps", conv_net("pool", stride=[2, 2], bias=0.3, weight=1.2)],
    "pool stride CIRCULAR": ["maps", conv_net("pool", stride=[2, 1], padding="CIRCULAR", window=[3, 2])],
    "pool erf": ["maps", conv_net("pool", function=("erf",), weight=1.4)],
    "flatten gelu": ["maps", conv_net("flatten", function=("gelu",), weight=1.4, window=[2, 3])],
    "flatten, then hidden": ["maps", [
        ["conv", CONV], ["relu"], ["flatten"], ["dense", 1.3, 0.1], ["relu"], ["dense", 1.0, 0.0],
    ]],
    "pool, then hidden": ["maps", [
        ["conv", CONV], ["relu"], ["pool"], ["dense", 1.3, 0.1], ["relu"], ["dense", 1.0, 0.0],
    ]],
    "wide residual flatten": ["maps", [
        ["conv", CONV],
        ["residual", [["relu"], ["conv", {**CONV, "stride": [2, 2]}], ["relu"], ["conv", CONV]],
                     [["conv", {"window": [1, 1], "stride": [2, 2]}]]],
        ["norm"], ["relu"], ["flatten"], ["dense", 1.0, 0.0],
    ]],
    "wide residual pool": ["maps", [
        ["conv", CONV], ["residual", [["relu"], ["conv", CONV], ["relu"], ["conv", CONV]], []],
        ["norm"], ["relu"], ["pool"], ["dense", 1.0, 0.0],
    ]],
}  # fmt: skip


def stubs():
    """Empty modules for what neural-tangents imports and does not need."""

    class Stub(types.ModuleType):
        __path__ = ()

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

    for name in ("tensorflow", "tf2jax", "jax.experimental.jax2tf"):
        sys.modules[name] = Stub(name)
    kinds = types.SimpleNamespace(PolymorphicFunction=type("PolymorphicFunction", (), {}))
    sys.modules["tensorflow"].types = types.SimpleNamespace(experimental=kinds)


def network(stax, layers):
    """A network of ``neural_tangents.stax`` from a list of layers."""
    made = []
    for kind, *given in layers:
        if kind == "dense":
            made.append(stax.Dense(1, W_std=given[0], b_std=given[1]))
        elif kind == "conv":
            one = given[0]
            strides = tuple(one["stride"]) if "stride" in one else None
            made.append(stax.Conv(
                1, tuple(one["window"]), strides, one.get("padding", "SAME"),
                W_std=one.get("weight", 1.0), b_std=one.get("bias", 0.0),
            ))  # fmt: skip
        elif kind == "residual":
            paths = [network(stax, path) if path else stax.Identity() for path in given]
            made += [stax.FanOut(2), stax.parallel(*paths), stax.FanInSum()]
        else:
            layer = {
                "relu": stax.Relu, "leaky": stax.LeakyRelu, "erf": stax.Erf, "gelu": stax.Gelu,
                "sine": lambda frequency: stax.Sin(b=frequency), "polynomial": stax.Polynomial,
                "norm": stax.LayerNorm, "flatten": stax.Flatten, "pool": stax.GlobalAvgPool,
            }[kind]  # fmt: skip
            made.append(layer(*given))
    return stax.serial(*made)


def main():
    stubs()
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    import neural_tangents
    from neural_tangents import stax

    rng = np.random.default_rng(2024)
    inputs = {
        "rows": (rng.standard_normal((4, 5)), rng.standard_normal((3, 5))),
        "maps": (rng.standard_normal((3, 6, 5, 2)), rng.standard_normal((2, 6, 5, 2))),
    }
    cases = {}
    for name, (given, layers) in CASES.items():
        kernel = network(stax, layers)[2]
        x, z = inputs[given]
        own, cross = kernel(x, None, ("nngp", "ntk")), kernel(x, z, ("nngp", "ntk"))
        cases[name] = {
            "inputs": given, "layers": layers,
            **{f"{get} {what}": np.asarray(getattr(found, get)).tolist()
               for get in ("nngp", "ntk") for what, found in (("own", own), ("cross", cross))},
        }  # fmt: skip
    versions = {"neural-tangents": neural_tangents.__version__, "jax": jax.__version__, "numpy": np.__version__}
    given = {name: {"x": x.tolist(), "z": z.tolist()} for name, (x, z) in inputs.items()}
    write({"made with": versions, "inputs": given, "cases": cases})


def write(document):
    """One line a case."""
    lines = [
        f"{json.dumps(part)}: {{\n"
        + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
        + "\n}"
        for part, value in document.items()
    ]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    Path(__file__).with_name("neural_tangents.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
