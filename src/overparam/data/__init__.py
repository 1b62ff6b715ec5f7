"""What is learnt: data sets by name or path, generators, and label noise.

>>> from overparam import data
>>> data.load("gaussian:n=50,d=5").x.shape
(50, 5)
"""

from overparam.data.cache import cache_folder
from overparam.data.catalog import DatasetInfo, describe, fetch, fingerprint, load, names, where
from overparam.data.clusters import Clusters, clusters
from overparam.data.coarser import coarser
from overparam.data.components import components
from overparam.data.corruptions import (
    classes_present,
    gaussian_pixels,
    random_labels,
    random_pixels,
    shuffled_pixels,
)
from overparam.data.dataset import Dataset, flatten, from_arrays, save, subset
from overparam.data.label_noise import LabelNoise, digest_of, label_noise
from overparam.data.labels import labels_digest
from overparam.data.rows import unit_rows
from overparam.data.shape import DataShape, shape_of
from overparam.data.signed import Signed, signed
from overparam.data.structure import Structure, structure
from overparam.data.synthetic import gaussian, sphere
from overparam.data.teachers import Teacher, check_not_parallel, deep_teacher, teacher

__all__ = [
    "Clusters",
    "DataShape",
    "Dataset",
    "DatasetInfo",
    "LabelNoise",
    "Signed",
    "Structure",
    "Teacher",
    "cache_folder",
    "check_not_parallel",
    "classes_present",
    "clusters",
    "coarser",
    "components",
    "deep_teacher",
    "describe",
    "digest_of",
    "fetch",
    "fingerprint",
    "flatten",
    "from_arrays",
    "gaussian",
    "gaussian_pixels",
    "label_noise",
    "labels_digest",
    "load",
    "names",
    "random_labels",
    "random_pixels",
    "save",
    "shape_of",
    "shuffled_pixels",
    "signed",
    "sphere",
    "structure",
    "subset",
    "teacher",
    "unit_rows",
    "where",
]
