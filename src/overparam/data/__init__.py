"""What is learnt: data sets by name or path, generators, and label noise.

>>> from overparam import data
>>> data.load("gaussian:n=50,d=5").x.shape
(50, 5)
"""

from overparam.data.cache import cache_folder
from overparam.data.catalog import DatasetInfo, describe, fetch, fingerprint, load, names, where
from overparam.data.dataset import Dataset, flatten, from_arrays, save, subset
from overparam.data.label_noise import label_noise
from overparam.data.synthetic import gaussian, sphere

__all__ = [
    "Dataset",
    "DatasetInfo",
    "cache_folder",
    "describe",
    "fetch",
    "fingerprint",
    "flatten",
    "from_arrays",
    "gaussian",
    "label_noise",
    "load",
    "names",
    "save",
    "sphere",
    "subset",
    "where",
]
