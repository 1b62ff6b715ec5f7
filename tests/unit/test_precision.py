"""JAX multiplies float32 as float32 wherever overparam is imported, unless a person has said otherwise."""

import os
import subprocess
import sys

import pytest

SAY = "print(jax.config.jax_default_matmul_precision)"


@pytest.mark.parametrize(
    ("code", "given", "expected"),
    [
        ("import overparam, jax", None, "highest"),
        ("import jax, overparam", None, "highest"),
        ("import jax, overparam", "bfloat16", "bfloat16"),
        ("import overparam, jax", "tensorfloat32", "tensorfloat32"),
        (
            "import jax; jax.config.update('jax_default_matmul_precision', 'high'); import overparam",
            None,
            "high",
        ),
    ],
)
def test_float32_is_multiplied_as_float32_unless_a_person_says_otherwise(code, given, expected):
    environment = {key: one for key, one in os.environ.items() if key != "JAX_DEFAULT_MATMUL_PRECISION"}
    if given:
        environment["JAX_DEFAULT_MATMUL_PRECISION"] = given
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {SAY}"], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == expected, done.stderr
