"""What is learnt: data sets by name or path, generators, and label noise.

>>> from overparam import data
>>> data.load("gaussian:n=50,d=5").x.shape
(50, 5)
"""

from overparam.data.cache import cache_folder
from overparam.data.catalog import DatasetInfo, describe, fetch, fingerprint, load, names, where
from overparam.data.dataset import Dataset, flatten, from_arrays, save, subset
from overparam.data.label_noise import LabelNoise, digest_of, label_noise
from overparam.data.labels import labels_digest
from overparam.data.rows import unit_rows
from overparam.data.shape import DataShape, shape_of
from overparam.data.signed import Signed, signed
from overparam.data.synthetic import gaussian, sphere

__all__ = [
    "DataShape",
    "Dataset",
    "DatasetInfo",
    "LabelNoise",
    "Signed",
    "cache_folder",
    "describe",
    "digest_of",
    "fetch",
    "fingerprint",
    "flatten",
    "from_arrays",
    "gaussian",
    "label_noise",
    "labels_digest",
    "load",
    "names",
    "save",
    "shape_of",
    "signed",
    "sphere",
    "subset",
    "unit_rows",
    "where",
]
