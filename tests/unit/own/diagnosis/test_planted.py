"""Planted networks: the checks that train say what was planted, the whole way from the network to the answer."""

import jax
import numpy as np
import pytest

import overparam
from overparam.data import flatten
from overparam.models import mlp
from overparam.own.diagnosis import diagnose
from overparam.training import Member, Recipe, train

FEW = 1.0  # seconds of budget that allow the fewest seeds alone, however fast the machine is
MANY = 6000.0  # seconds that allow the most


def answer(code, width, data, held, classes, recipe, budget=MANY):
    """What a check says of a network of one hidden layer that was trained here."""
    inputs = data[0].shape[1]
    network = mlp(inputs, (width,), classes)
    (run,) = train(network, recipe, [Member(0, data[1])], data[0], held[0], held[1], keep_params=True)
    params = jax.tree.map(np.asarray, run.params)
    found = diagnose(
        network, data, held, params=params, build=lambda w: mlp(inputs, (w,), classes), fit=recipe, only=code,
        budget=budget,
    )  # fmt: skip
    return found[code]


def digits(kept, n, seed):
    """``n`` digits of some classes to train on, and all others of these classes."""
    data = flatten(overparam.load_data("digits"))
    x, y = np.concatenate([data.x, data.x_test]), np.concatenate([data.y, data.y_test])
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(np.isin(y, kept)))
    labels = np.searchsorted(kept, y)
    return (x[rows[:n]], labels[rows[:n]]), (x[rows[n:]], labels[rows[n:]])


def directions(n, seed, noise):
    """Three directions of the plane, and inputs that mean nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    angle = 2 * np.pi * labels / 3
    plane = 2 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.4 * rng.normal(size=(n, 2))
    return np.concatenate([plane, rng.normal(size=(n, noise))], 1).astype(np.float32), labels
