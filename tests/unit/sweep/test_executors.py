import pytest

from overparam.core.errors import UsageError
from overparam.sweep.executors import Executor, executor


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processes", Executor("processes")),
        ("inline", Executor("inline")),
        ("ray", Executor("ray")),
        ("ray=auto", Executor("ray", "auto")),
        ("ray=node-1.example:6379", Executor("ray", "node-1.example:6379")),
        ("ray=[::1]:6379", Executor("ray", "[::1]:6379")),
        ("ray,gpus=0", Executor("ray", "", 0.0)),
        ("ray=10.0.0.1:6379,gpus=0.25", Executor("ray", "10.0.0.1:6379", 0.25)),
        ("ray=auto,gpus=2", Executor("ray", "auto", 2.0)),
    ],
)
def test_the_spellings(text, expected):
    assert executor(text) == expected


@pytest.mark.parametrize(
    "text",
    ["ray=", "ray=node", "ray=:6379", "ray=node:0", "ray=node:99999", "ray=ray://node:10001", "ray,gpus", "ray,gpus=",
     "ray,gpus=-1", "ray,gpus=1.5", "ray,gpus=nan", "ray,gpus=inf", "ray,cpus=1", "ray,gpus=1,gpus=1"],
)  # fmt: skip
def test_a_malformed_ray_is_answered_with_its_spellings(text):
    with pytest.raises(UsageError, match="--on: expected ray, ray=auto or ray=HOST:PORT.*got '"):
        executor(text)


def test_only_ray_takes_an_address():
    with pytest.raises(UsageError, match="expected processes alone, got 'processes=auto'"):
        executor("processes=auto")
    with pytest.raises(UsageError, match="expected inline alone"):
        executor("inline,gpus=1")
    with pytest.raises(UsageError, match="unknown executor 'ry'. Did you mean 'ray'?"):
        executor("ry=auto")
