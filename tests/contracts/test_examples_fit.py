"""A network of convolutions on what is no image, or on no signal, is refused before a study's work starts."""

import pytest

from overparam.core.errors import UsageError
from overparam.core.registry import studies
from overparam.sweep.plan import stacks

STUDIES = dict(studies())
IMAGES = [
    (study.name, axis.name, choice)
    for study in STUDIES.values()
    for axis in study.axes
    for choice in axis.choices or ()
    if str(choice).startswith(("conv", "resnet", "cnn", "vgg"))
]


def cell(study, **change):
    return {axis.name: axis.default for axis in study.axes} | {"seed": 1000} | change


def test_the_studies_with_convolutions_are_found():
    assert {name for name, _, _ in IMAGES} == {
        "linear-connectivity",
        "supermasks",
        "edge-popup",
        "ticket-transfer",
        "sparse-double-descent",
        "cnn-descent",
    }


@pytest.mark.parametrize("data", ["mnist1d", "gaussian:d=784"])
@pytest.mark.parametrize(("name", "axis", "choice"), IMAGES)
def test_rows_of_numbers_are_no_images(name, axis, choice, data):
    study = STUDIES[name]
    with pytest.raises(UsageError, match=f"network '{choice}' needs images: .* Take a network of dense layers"):
        stacks(study, [cell(study, **{axis: choice}, data=data)])


@pytest.mark.parametrize(("name", "axis", "choice"), IMAGES)
def test_images_are_taken(name, axis, choice):
    study = STUDIES[name]
    (one,) = stacks(study, [cell(study, **{axis: choice}, data="digits", n=200)], 1e15)
    assert one.seconds > 0


def test_images_are_no_signals():
    study = STUDIES["epoch-descent"]
    with pytest.raises(UsageError, match=r"network 'cnn-20' needs signals: .* got images of shape \(8, 8\)"):
        stacks(study, [cell(study, model="cnn-20", data="digits")])
    assert stacks(study, [cell(study, model="cnn-20", data="mnist1d")])
