"""Kinds of files that are not read, and how each becomes one that is."""

from __future__ import annotations

from pathlib import Path

from overparam.core.data_name import SUFFIXES
from overparam.core.errors import UsageError

READ = (
    ".npz, .parquet, .csv or .tsv (each also with .gz), or a folder of .npy files or of train and test tables"
)
_ARRAYS = "numpy.savez(new, x=x, y=y)"
_PANDAS = "pandas.read_{}(path).to_parquet(new)"
_ADVICE = {
    (".mat",): f"Load it with scipy.io.loadmat and write {_ARRAYS}.",
    (".pt", ".pth", ".ckpt"): f"Load it with torch.load and write {_ARRAYS} of tensor.numpy().",
    (
        ".pkl",
        ".pickle",
        ".joblib",
        ".p",
    ): f"A pickle can run code and is never loaded: write {_ARRAYS} where it was made.",
    (".arrow", ".feather", ".ipc"): f"Write it anew: {_PANDAS.format('feather')}.",
    (".jsonl", ".ndjson"): "Write it anew: pandas.read_json(path, lines=True).to_parquet(new).",
    (".json",): f"Write it anew: {_PANDAS.format('json')}.",
    (".xlsx", ".xls", ".ods"): f"Write it anew: {_PANDAS.format('excel')}.",
    (".h5", ".hdf5", ".hdf"): f"Load it with h5py and write {_ARRAYS}.",
    (".dta",): f"Write it anew: {_PANDAS.format('stata')}.",
    (".sas7bdat", ".xpt"): f"Write it anew: {_PANDAS.format('sas')}.",
    (".sav",): f"Write it anew: {_PANDAS.format('spss')}.",
    (".orc",): f"Write it anew: {_PANDAS.format('orc')}.",
    (".zip", ".tar", ".tgz", ".bz2", ".xz", ".7z", ".zst", ".rar"): "Unpack it first.",
    (".arff",): f"Load it with scipy.io.arff.loadarff and write {_ARRAYS}.",
    (".libsvm", ".svm", ".svmlight"): f"Load it with sklearn.datasets.load_svmlight_file and write {_ARRAYS}.",
    (
        ".txt",
        ".data",
        ".dat",
    ): "If it is a table with names in its first line, separated by commas, semicolons or tabs, "
    "rename it to .csv.",
    (
        ".png",
        ".jpg",
        ".jpeg",
        ".bmp",
        ".gif",
        ".tif",
        ".tiff",
        ".webp",
    ): f"Put all images into one array: {_ARRAYS}.",
    (".safetensors",): f"Load it with safetensors.numpy.load_file and write {_ARRAYS}.",
    (".tfrecord", ".tfrecords"): f"Read it with tensorflow_datasets and write {_ARRAYS}.",
    (".rds", ".rda", ".rdata"): "Write it in R with arrow::write_parquet(frame, new).",
}
_BY_SUFFIX = {suffix: advice for suffixes, advice in _ADVICE.items() for suffix in suffixes}


def refused(path: Path) -> UsageError:
    """Return the error for a file of a kind that is not read, with what to do."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    advice = next((_BY_SUFFIX[s] for s in reversed(suffixes) if s in _BY_SUFFIX), "")
    if not advice and path.name.lower().removesuffix(".gz").endswith("ubyte"):
        advice = (
            f"It is in MNIST's own format: read it with numpy.frombuffer behind the header and write {_ARRAYS}."
        )
    if not advice and suffixes[-1:] == [".gz"]:
        advice = f"Name it as what is inside, for instance {path.stem}.csv.gz."
    return UsageError(
        f"data set '{path}': expected {READ}; got a path that ends in "
        f"{suffixes[-1] if suffixes else 'none of ' + ', '.join(SUFFIXES)}. "
        f"{advice or 'Write the data as one of these.'}"
    )
