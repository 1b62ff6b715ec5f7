"""Every public function that takes a network, parameters or a family refuses the odd ones; a new one must stand here."""

import importlib
import inspect
import pkgutil

import jax
import numpy as np
import pytest

import overparam
from overparam.core.errors import OverparamError
from overparam.models import linearise, parameters, widen
from overparam.models.check import check_network, check_params, layout
from overparam.models.size import forward_pass
from overparam.own import certify, certify_path, empirical_kernel, jacobian, predict, sgd_curve, shortest_path
from overparam.own.certify import dense_of
from overparam.own.family import Family
from overparam.own.jacobian import check_variables
from overparam.training import Checkpoint, Member, Recipe, train
from overparam.training.full_batch import draw, scalar_model
from overparam.training.levenberg_marquardt import fit_network
from overparam.training.subsets import train_subsets
from tests.odd_networks import BY_ROW, INITS, PARAMS, PASSES, PLAIN, D, K, init, known

rng = np.random.default_rng(0)
X = rng.normal(size=(6, D)).astype(np.float32)
Y = rng.normal(size=(6, K))
LABELS = rng.integers(0, K, 6)
RECIPE = Recipe(2, 0.1, loss="squared", batch=3)
MEMBERS = [Member(0, Y)]
GIVEN = init(jax.random.key(0))
GOOD = jax.jit(known().init)(jax.random.key(0))


def trained(network, start=None):
    return train(network, RECIPE, MEMBERS, X, X, Y, start=start)


# with the network alone; parameters, where one asks for them, are good ones
NETWORKS = {
    "check_network": check_network,
    "layout": layout,
    "parameters": parameters,
    "forward_pass": forward_pass,
    "linearise": lambda network: linearise(network, GIVEN),
    "train": trained,
    "train_subsets": lambda network: train_subsets(network, RECIPE, MEMBERS, [np.arange(4)], X),
    "scalar_model": scalar_model,
    "draw": lambda network: draw(network, jax.random.key(0)),
    "fit_network": lambda network: fit_network(network, GIVEN, X, Y),
    "jacobian": lambda network: jacobian(network, GIVEN, X),
    "empirical_kernel": lambda network: empirical_kernel(network, GIVEN, X),
    "check_variables": lambda network: check_variables(network, GIVEN, X),
    "check_params": lambda network: check_params(network, GIVEN),
    "predict": lambda network: predict(network, X, Y, seed=0),
    "sgd_curve": lambda network: sgd_curve(network, GIVEN, X, Y),
    "certify": lambda network: certify(network, GIVEN, X, Y),
    "certify_path": lambda network: certify_path(network, [GIVEN], X, Y),
    "shortest_path": lambda network: shortest_path(network, GIVEN, GIVEN, X, Y),
    "dense_of": lambda network: dense_of(network, GIVEN),
    "width_sweep_study": lambda network: Family(lambda width: network).network(3, D, K),
}
SHAPES_ALONE = {"layout", "parameters", "forward_pass", "check_params"}  # these make no pass that counts
ROW_BY_ROW = {
    "train", "train_subsets", "linearise", "jacobian", "empirical_kernel", "check_variables", "predict", "sgd_curve",
    "fit_network", "width_sweep_study",
}  # fmt: skip

# with a good network of dense layers, and given parameters
GIVEN_TO = {
    "check_params": lambda p: check_params(known(), p),
    "linearise": lambda p: linearise(known(), p),
    "train": lambda p: trained(known(), [Checkpoint(p)]),
    "train, origin": lambda p: trained(known(), [Checkpoint(GOOD, origin=p)]),
    "fit_network": lambda p: fit_network(known(), p, X, Y),
    "jacobian": lambda p: jacobian(known(), p, X),
    "empirical_kernel": lambda p: empirical_kernel(known(), p, X),
    "check_variables": lambda p: check_variables(known(), p, X),
    "predict": lambda p: predict(known(), X, Y, params=p),
    "sgd_curve": lambda p: sgd_curve(known(), p, X, Y),
    "certify": lambda p: certify(known(), p, X, Y),
    "certify_path": lambda p: certify_path(known(), [p], X, Y),
    "shortest_path": lambda p: shortest_path(known(), GOOD, p, X, Y),
    "dense_of": lambda p: dense_of(known(), p),
    "widen": lambda p: widen(p, 9, 0.1, 0),
}

COMPILED = "a part of a compiled program, behind an entrance that has checked"
ELSEWHERE = {
    **dict.fromkeys(("mean_gradient", "each_member", "fit", "block_of", "fresh_params", "fresh_slots", "advance"), COMPILED),
    **dict.fromkeys(("each_in_sets", "measure", "predictions", "begin", "first_params", "take", "examples", "targets"), COMPILED),
    **dict.fromkeys(("stacked_targets", "first_step", "check_pass", "check_rows", "ours", "double"), COMPILED),
    **dict.fromkeys(("affine", "descend", "model_jacobian", "flat_params", "tangent_run"), "takes what draw() has made"),
    **dict.fromkeys(("check_parts", "check_start", "constrained", "effective", "refreshed", "stacked_constants"), COMPILED),
    **dict.fromkeys(("own_examples", "one_by_one", "check_one_pass"), COMPILED),
    **dict.fromkeys(("family_of", "stem_of", "prepare", "written"), "takes the family that width_sweep_study builds"),
    **dict.fromkeys(("weight_spectra", "distance", "pattern_changes", "loss_line"), "takes models that open_model has checked"),
    **dict.fromkeys(("check_pair", "between", "differing", "check_visible"), "takes models that open_model has checked"),
    "relu_inputs": COMPILED,
    **dict.fromkeys(("recovery", "largest_gradient"), "has tests of its own with networks and teachers"),
    "holding": "has tests of its own; what it is given is checked where it is trained",
    "refresh": "has tests of its own beside those of statistics",
    **dict.fromkeys(("open_model", "adapt"), "has a table of odd models of its own"),
    **dict.fromkeys(("mean_kernel", "apart"), COMPILED),
    "network_of": "takes what adapt() takes",
    "widths": "has a table of odd models and families of its own",
    "levenberg_marquardt": "takes functions of a vector",
    "segments": "takes a first column",
    "linear_course": "takes residuals",
    "check_probes": COMPILED,
    "width_sweep": "builds width_sweep_study from the same family",
}  # fmt: skip


def public():
    """Names of the public functions of the rooms of networks that take one, or parameters of one."""
    names = set()
    for room in ("models", "training", "operators", "probes", "own", "api.width_sweep"):
        package = importlib.import_module(f"overparam.{room}")
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            for name, value in vars(module).items():
                inner = inspect.unwrap(value) if callable(value) else value
                if name[0] == "_" or not inspect.isfunction(inner) or inner.__module__ != module.__name__:
                    continue
                taken = set(inspect.signature(inner).parameters)
                if taken & {"network", "params", "start", "family"}:
                    names.add(name)
    return names


def test_every_entrance_stands_in_a_table():
    known_ones = set(NETWORKS) | {name.partition(",")[0] for name in GIVEN_TO} | set(ELSEWHERE)
    assert public() - known_ones == set()
    assert set(dir(overparam)) >= {"train", "predict", "certify", "sgd_curve", "linearise", "width_sweep"}


@pytest.mark.parametrize("entrance", NETWORKS)
def test_networks_with_odd_parameters_are_refused(entrance):
    for name, (network, _) in INITS.items():
        if name == "random numbers" and entrance in SHAPES_ALONE:
            continue
        with pytest.raises(OverparamError) as error:
            NETWORKS[entrance](network)
        assert str(error.value)[-1] in ".)", (name, str(error.value))


@pytest.mark.parametrize("entrance", sorted(set(NETWORKS) - SHAPES_ALONE))
def test_networks_with_odd_passes_are_refused(entrance):
    for network, _ in PASSES.values():
        with pytest.raises(OverparamError, match="apply|outputs"):
            NETWORKS[entrance](network)


@pytest.mark.parametrize("entrance", sorted(ROW_BY_ROW))
def test_networks_that_mix_rows_are_refused(entrance):
    network, words = BY_ROW["batch normalisation"]
    with pytest.raises(OverparamError, match=words):
        NETWORKS[entrance](network)


@pytest.mark.parametrize("entrance", GIVEN_TO)
def test_odd_parameters_are_refused(entrance):
    for name, (make, _) in PARAMS.items():
        if name == "NaN" and entrance.startswith(("train", "widen")):
            continue  # a member that has diverged may be gone on with: it is recorded as diverged
        if name == "None" and entrance in ("predict", "train, origin"):
            continue  # there it stands for the usual ones
        with pytest.raises(OverparamError) as error:
            GIVEN_TO[entrance](make(GOOD))
        assert "params" in str(error.value) or "member 0" in str(error.value)


NARROW = (jax.numpy.bfloat16, np.float16)


@pytest.mark.parametrize("kind", NARROW, ids=("bfloat16", "float16"))
def test_narrow_inputs_and_targets_are_refused(kind):
    params, net = GOOD, known()
    x, y = X.astype(kind), Y.astype(kind)
    for call in (
        lambda x, y: train(net, RECIPE, [Member(0, y)], x, X, Y),
        lambda x, y: train(net, RECIPE, [Member(0, Y)], X, x, y),
        lambda x, y: predict(net, x, y, params=params),
        lambda x, y: sgd_curve(net, params, x, y),
        lambda x, y: fit_network(net, params, x, y),
    ):
        for given in ((x, Y), (X, y)):
            with pytest.raises(OverparamError, match=r"expected float32 or float64, got b?float16.*astype"):
                call(*given)
    with pytest.raises(OverparamError, match="x: expected float32"):
        jacobian(net, params, x)


def test_the_plain_network_itself_is_fine():
    assert parameters(PLAIN) == 20
    assert jacobian(PLAIN, GIVEN, X).shape == (12, 20)
