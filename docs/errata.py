"""Write errata.md from errata.template and the numbers of its checks: ``python docs/errata.py``."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from overparam.core.errors import UsageError
from overparam.theory.activations import sine
from overparam.theory.kernels.conditioning import conditioning
from overparam.theory.kernels.covariance import covariance
from overparam.theory.kernels.hermite import slope_coefficients
from overparam.theory.least_squares import descent_residuals, least_squares_descent
from overparam.theory.matrix_recovery import local_dimension, local_fit
from overparam.theory.sgd.threshold import counterexample, step_bounds

HERE = Path(__file__).parent
Check = Callable[[], tuple[bool, str]]


def sphere(n: int, d: int) -> np.ndarray:
    x = np.random.RandomState(0).standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def refused(x: float, step: float) -> bool:
    """Whether descent on (1/2)(x theta - 1)^2 diverges with that step."""
    try:
        least_squares_descent([[x]], [1.0], step=step)
    except UsageError:
        return True
    return False


def half_of_the_loss() -> tuple[bool, str]:
    rate = least_squares_descent([[3.0]], [1.0], step=1.5 / 9).rate
    return rate < 1 and refused(3.0, 2 * 1.5 / 9), (
        f"One parameter, J = 3, step 1.5/9: a step multiplies the residual by {rate:g} with the half; without it descent "
        "diverges."
    )


def outputs_of_other_size() -> tuple[bool, str]:
    x, k = sphere(6, 4), 40_000
    w = np.random.RandomState(1).standard_normal((k, 4))
    slopes = 1 / (1 + np.exp(-(x @ w.T)))
    want = np.trace(covariance(x, "softplus"))
    shares = []
    for size in (1.0, 0.5):
        gram = (slopes * size**2) @ slopes.T * (x @ x.T) / k
        shares.append(float(np.trace(gram) / want))
    ok = abs(shares[0] - 1) < 0.02 and abs(shares[1] - 0.25) < 0.01
    return ok, (
        f"Softplus, 6 inputs, 40,000 hidden units: trace of (1/k) J J^T over that of the covariance is {shares[0]:.2f} "
        f"at |v| = 1 and {shares[1]:.2f} at |v| = 1/2."
    )


def index_of_the_series() -> tuple[bool, str]:
    mu = slope_coefficients("softplus", 3)
    x = sphere(12, 6)
    sigma, products = covariance(x, "softplus"), (x @ x.T) ** 2
    gap = np.linalg.eigvalsh(sigma - mu[1] ** 2 * products)
    share = float(np.linalg.norm(mu[1] ** 2 * products) / np.linalg.norm(sigma))
    ok = gap[0] >= -1e-12 and share < 0.5 and abs(mu[2]) < 1e-12 and abs(mu[1] - 0.206621) < 1e-6
    return ok, (
        f"Softplus: mu_1 = {mu[1]:.4f} is E phi''(g), mu_2 = {abs(round(float(mu[2]), 12)):g}. On 12 inputs the term "
        f"with mu_1^2 has {100 * share:.0f} % of the covariance's norm; the difference is positive semidefinite."
    )


def vacuous_for_odd_functions() -> tuple[bool, str]:
    mu = slope_coefficients("tanh", 3)
    low = conditioning(sphere(12, 6), "tanh").lower
    return abs(mu[1]) < 1e-12 and low > 1e-3, (
        f"tanh: E phi''(g) = {abs(round(float(mu[1]), 12)):g}, so the bound is 0, while the covariance of 12 inputs has "
        f"its smallest eigenvalue above {low:.2g}; mu_2 = {mu[2]:.3f} carries the next term."
    )


def conditions_that_grow() -> tuple[bool, str]:
    soft = [conditioning(sphere(n, 20), "softplus").kappa for n in (20, 160)]
    wave = [conditioning(sphere(n, 40), sine(2.0)).kappa for n in (40, 160)]
    return soft[1] > 5 * soft[0] and wave[1] < 1.5 * wave[0], (
        f"Inputs on the sphere, one draw: softplus, d = 20: kappa {soft[0]:.0f} at n = d and {soft[1]:.0f} at n = 8 d; "
        f"sin(2z), d = 40: {wave[0]:.2f} at n = d and {wave[1]:.2f} at n = 4 d."
    )


def step_of_the_lemma() -> tuple[bool, str]:
    beta = 10.0
    rate = least_squares_descent([[beta]], [1.0], step=1 / (2 * beta**2)).rate
    return rate < 1 and refused(beta, 2 * beta), (
        f"One parameter, J = beta = 10: a step of 1/(2 beta^2) multiplies the residual by {rate:g}; with a step of 2 "
        "beta descent diverges."
    )


def potential() -> tuple[bool, str]:
    alpha, eta = 0.1, 50.0  # f = alpha theta, so beta = alpha, L = 0, and eta = 1/(2 beta^2)
    r, path, printed, correct = 1.0, 0.0, [], []
    for _ in range(30):
        printed.append(r + 0.5 * (1 - eta * alpha**2) * path)
        correct.append(r + (1 - 0.5 * eta * alpha**2) * alpha * path)
        path, r = path + eta * alpha * r, r * (1 - eta * alpha**2)
    ok = max(np.diff(correct)) <= 1e-12 < max(np.diff(printed))
    return ok, (
        f"f = theta/10, step 1/(2 beta^2), 30 steps: the printed potential goes from {printed[0]:.2f} to "
        f"{printed[-1]:.2f}, with the factor from {correct[0]:.2f} to {correct[-1]:.2f}, never upwards."
    )


def too_many_labels() -> tuple[bool, str]:
    texts, ok = [], True
    for d, r in ((8, 2), (10, 4)):
        rng = np.random.RandomState(d)
        found = local_fit(rng.standard_normal((d * r, d, d)), rng.standard_normal((d, r)), np.zeros(d * r))
        ok = ok and found.rank == local_dimension(d, r) < d * r
        texts.append(f"d = {d}, r = {r}: rank {found.rank} of n = {d * r}")
    return ok, "Gaussian matrices, Jacobian at a Gaussian start: " + "; ".join(texts) + "."


def labels_out_of_reach() -> tuple[bool, str]:
    d, n = 4, 10
    a = np.random.RandomState(0).standard_normal((n, d, d))
    upper = np.triu_indices(d)
    share = np.where(upper[0] == upper[1], 0.5, 1.0)
    system = (a + a.transpose(0, 2, 1))[:, upper[0], upper[1]] * share
    only = np.zeros((d, d))
    only[upper] = np.linalg.solve(system, -np.trace(a, axis1=1, axis2=2))
    only = np.triu(only) + np.triu(only, 1).T
    values = np.linalg.eigvalsh(only)
    return bool(np.abs(values + 1).max() < 1e-9), (
        f"{n} Gaussian matrices, d = r = {d}, so n <= d r; labels -trace(A_i): the only symmetric matrix that fits them "
        f"has all eigenvalues {values.mean():.2f}, and U U^T has none below 0."
    )


def rank_condition() -> tuple[bool, str]:
    a, b = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([1.0, 1.0, 0.0])
    left = float(np.linalg.norm(a @ np.linalg.lstsq(a, b, rcond=None)[0] - b))
    wide = np.random.RandomState(0).standard_normal((3, 5))
    fitted = least_squares_descent(wide, b)
    rank = int(np.linalg.matrix_rank(a))
    return rank <= 2 and left > 0.5 and fitted.residual < 1e-12, (
        f"3 equations, 2 unknowns: rank {rank} <= n = 2, and the best x leaves {left:.2f}. 5 unknowns: rank "
        f"{fitted.rank} = m, and nothing is left for any b."
    )


def leaky(z: np.ndarray) -> np.ndarray:
    return np.where(z > 0, z, 0.1 * z)


def bad_minimum() -> tuple[bool, str]:
    x, y = np.array([[-1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]), np.array([1.0, -1.0, 1.0])
    v = np.array([1.0] * 4 + [-1.0] * 4)
    w = np.stack([np.zeros(8), np.where(v > 0, 1 + 1 / 12, 1.0)], axis=1)

    def loss(w: np.ndarray, v: np.ndarray) -> float:
        return 0.5 * float(np.square(leaky(x @ w.T) @ v - y).sum())

    j = (v[None, :, None] * x[:, None, :]).reshape(3, -1)  # every unit is on its slope 1 at every input
    gradient = float(np.linalg.norm(j.T @ (leaky(x @ w.T) @ v - y)))
    lowest = float(np.linalg.eigvalsh(j.T @ j)[0])
    rng = np.random.RandomState(0)
    near = min(loss(w + 0.3 * rng.uniform(-1, 1, w.shape), v) for _ in range(2000))
    best = loss(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), np.array([2 / 0.9, 2 / 0.9, -1.0]))
    wrong = int((np.sign(leaky(x @ w.T) @ v) != y).sum())
    ok = gradient < 1e-12 and lowest > -1e-12 and near >= loss(w, v) - 1e-12 and best < 1e-28 and wrong == 1
    return ok and float((x @ w.T).min()) >= 1, (
        f"Leaky ReLU, inputs (-1, 1), (0, 1), (1, 1), labels +1, -1, +1, 8 hidden units: gradient "
        f"{round(gradient, 12):g}, every input at least {float((x @ w.T).min()):g} away from every kink, loss "
        f"{loss(w, v):.3f}, {wrong} of 3 inputs wrong; three units reach loss {round(best, 12):g}."
    )


def fewer_parameters_with_time() -> tuple[bool, str]:
    rng = np.random.RandomState(0)
    features, labels = rng.standard_normal((80, 600)), rng.standard_normal(80)

    def smallest(n: int, steps: int) -> int:
        for p in range(n, 600, 5):
            left = descent_residuals(features[:n, :p], labels[:n], [0, steps])
            if left[1] <= 0.01 * left[0]:
                return p
        raise ValueError("no size fits")

    short, long, more = smallest(40, 30), smallest(40, 300), smallest(80, 300)
    return long < short and more > long, (
        f"Least squares on random features: the smallest model that fits 40 labels to 1 % has {short} parameters after "
        f"30 steps of gradient descent, {long} after 300; 80 labels need {more}."
    )


def stable_beyond_the_bound() -> tuple[bool, str]:
    found = step_bounds(counterexample(), batch=3)
    return found.exact_low > found.wu_necessary, (
        f"24 samples, batch 3: stable up to the step {found.exact:.3f}; the bounds on s and a end at "
        f"{found.wu_necessary:.3f}."
    )


def slower_when_wider() -> tuple[bool, str]:
    one, two = (course([[0.6, 0.5]], 2000), course([[0.6, 0.5], [0.3, -0.4]], 16_000))
    slope = math.log(two[16_000] / two[4_000]) / math.log(4)
    return one[200] < 1e-12 and -3.3 < slope < -2.5, (
        f"Population gradient descent, one teacher unit in the plane, step 1/2: with one student the loss is below 1e-12 "
        f"after 200 steps; with two it is {two[200]:.0e} then, and falls like t^{slope:.1f} from 4,000 to 16,000 steps."
    )


def course(start: list[list[float]], steps: int) -> dict[int, float]:
    """Loss after some steps of descent on E (sum relu(w_i.x) - relu(x_1))^2 / 2, x normal in the plane."""

    def pair(w: list[float], u: list[float]) -> tuple[float, float, float]:
        size, other = math.hypot(*w), math.hypot(*u)
        cosine, sine_ = w[0] * u[0] + w[1] * u[1], abs(w[0] * u[1] - w[1] * u[0])
        angle = math.atan2(sine_, cosine)
        value = size * other * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / (2 * math.pi)
        along = other * math.sin(angle) / size
        return value, *((along * a + (math.pi - angle) * b) / (2 * math.pi) for a, b in zip(w, u, strict=True))

    w, teacher, found = [list(one) for one in start], [1.0, 0.0], {}
    for t in range(steps + 1):
        inner = [[pair(a, b) for b in w] for a in w]
        outer = [pair(a, teacher) for a in w]
        if t in (200, 4_000, 16_000):
            values = sum(one[0] for row in inner for one in row) - 2 * sum(one[0] for one in outer) + 0.5
            found[t] = max(0.5 * values, 1e-18)
        for a, row, away in zip(w, inner, outer, strict=True):
            for i in (0, 1):
                a[i] -= 0.5 * (sum(one[i + 1] for one in row) - away[i + 1])
    return found


CHECKS: tuple[Check, ...] = (
    half_of_the_loss,
    outputs_of_other_size,
    index_of_the_series,
    vacuous_for_odd_functions,
    conditions_that_grow,
    step_of_the_lemma,
    potential,
    too_many_labels,
    labels_out_of_reach,
    slower_when_wider,
    rank_condition,
    bad_minimum,
    fewer_parameters_with_time,
    stable_beyond_the_bound,
)


def page(template: str) -> str:
    """The template with the numbers of every check in its place.

    Raises:
        AssertionError: a check does not confirm what is listed, or has no place.
    """
    for check in CHECKS:
        holds, numbers = check()
        if not holds:
            raise AssertionError(f"{check.__name__} does not confirm what the page lists: {numbers}")
        place = "{{" + check.__name__ + "}}"
        if template.count(place) != 1:
            raise AssertionError(f"errata.template: expected one place for {check.__name__}")
        template = template.replace(place, numbers)
    return template


def main() -> None:
    template = (HERE / "errata.template").read_text(encoding="utf-8")
    (HERE / "errata.md").write_text(page(template), encoding="utf-8")


if __name__ == "__main__":
    main()
