"""The peers' side of own_curvature.py: eigenvalues and spectra of one network's Hessian; runs in the peers' own Python.

    PYTHON-WITH-PEERS peer_torch_curvature.py

Everything is in float64 on one batch, with the weights and the data of a file; time is processor time of the call alone, after
one product that warms up. PyHessian's density needs ``torch.eig``, which PyTorch has no more: it is put back here, with the
return value that PyHessian reads, so that it can be compared at all.
"""

import importlib.metadata as metadata
import itertools

import common
import numpy as np
import torch

PACKAGES = ("torch", "hessian-eigenthings", "curvlinops-for-pytorch", "PyHessian", "scipy", "numpy")


def versions():
    return {name: metadata.version(name) for name in PACKAGES}


class Problem:
    """The network of a file as every package takes it."""

    def __init__(self, path):
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(1)
        with np.load(path) as arrays:
            sizes = arrays["sizes"].tolist()
            self.x, self.y = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"]).long()
            layers = []
            for at, (inside, outside) in enumerate(itertools.pairwise(sizes)):
                layer = torch.nn.Linear(inside, outside)
                with torch.no_grad():
                    layer.weight.copy_(torch.from_numpy(arrays[f"weight{at}"]))
                    layer.bias.copy_(torch.from_numpy(arrays[f"bias{at}"]))
                layers += [layer, torch.nn.Tanh()]
        self.net = torch.nn.Sequential(*layers[:-1])
        self.loss = torch.nn.CrossEntropyLoss()

    def eigenthings(self):
        from hessian_eigenthings.operators.hessian import HessianOperator

        def loss(model, batch):
            return self.loss(model(batch[0]), batch[1])

        return HessianOperator(self.net, [(self.x, self.y)], loss)

    def curvlinops(self):
        from curvlinops import HessianLinearOperator

        params = list(self.net.parameters())
        return HessianLinearOperator(self.net, self.loss, params, [(self.x, self.y)], check_deterministic=False)

    def pyhessian(self):
        from pyhessian import hessian

        return hessian(self.net, self.loss, data=(self.x, self.y), cuda=False)


def old_eig(matrix, eigenvectors=True):
    """``torch.eig`` as it was, for a symmetric matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return torch.stack([values, torch.zeros_like(values)], 1), vectors


def _top(problem, package, k, setting, seed):
    torch.manual_seed(seed)
    if package.startswith("hessian-eigenthings"):
        from hessian_eigenthings.algorithms.lanczos import lanczos

        orthogonal = True if package.endswith("all orthogonal") else None  # None: up to 50 steps
        found = lanczos(problem.eigenthings(), k=k, max_iter=setting, seed=seed, reorthogonalize=orthogonal)
        return found.eigenvalues.tolist()
    if package == "curvlinops":
        from scipy.sparse.linalg import eigsh

        operator = problem.curvlinops().to_scipy()
        start = np.random.default_rng(seed).normal(size=operator.shape[0])
        return eigsh(operator, k=k, tol=setting, v0=start)[0].tolist()
    return problem.pyhessian().eigenvalues(maxIter=1000, tol=setting, top_n=k)[0]


def _density(problem, package, steps, samples, seed):
    torch.manual_seed(seed)
    if package == "hessian-eigenthings":
        from hessian_eigenthings.algorithms.spectral_density import spectral_density

        found = spectral_density(
            problem.eigenthings(), num_runs=samples, lanczos_steps=steps, num_grid_points=1024, seed=seed
        )
        return found.raw_eigenvalues.tolist(), found.raw_weights.tolist()
    if package == "curvlinops":
        from curvlinops.papyan2020traces.spectrum import fast_lanczos

        operator = problem.curvlinops()
        runs = [fast_lanczos(operator, steps) for _ in range(samples)]
        return [values.tolist() for values, _ in runs], [(vectors[0] ** 2).tolist() for _, vectors in runs]
    if not hasattr(torch, "eig") or torch.eig is not old_eig:
        torch.eig = old_eig
    return problem.pyhessian().density(iter=steps, n_v=samples)


PROBLEMS = {}


def timed(run, path, *rest):
    if path not in PROBLEMS:
        PROBLEMS[path] = Problem(path)
        loss = PROBLEMS[path].loss(PROBLEMS[path].net(PROBLEMS[path].x), PROBLEMS[path].y)
        loss.backward()
    with common.Clock() as clock:
        try:
            found = run(PROBLEMS[path], *rest)
        except Exception as error:  # a peer that fails is a row of the table
            return {"failed": f"{type(error).__name__}: {error}"[:200]}
    return {"found": found, **clock.seconds()}


def top(path, package, k, setting, seed):
    return timed(_top, path, package, k, setting, seed)


def density(path, package, steps, samples, seed):
    return timed(_density, path, package, steps, samples, seed)


if __name__ == "__main__":
    common.serve({"versions": versions, "top": top, "density": density})
