"""Images from their bytes: what is stored in a table or a folder becomes one array of pixels, or is refused."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError
from overparam.data.classes import shown

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("Png", "Jpeg", "Mpo", "Gif", "Bmp", "Tiff", "WebP", "Ppm")  # none that runs another program
_GREY = ("1", "L", "LA")
_COLOURED = ("RGB", "RGBA", "RGBX", "P", "PA", "CMYK", "YCbCr")
_NUMBERS = {"I": np.int32, "F": np.float32}
_ORIENTATION = 274
_WITH_EXIF = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")
_NOTES = {
    "alpha": "{} had an alpha channel, opaque everywhere: it was dropped",
    "grey": "{} in grey beside coloured ones: grey became RGB with three equal channels",
    "turned": "{} turned or mirrored as the EXIF orientation asks",
    "CMYK": "{} converted from CMYK to RGB",
    "YCbCr": "{} converted from YCbCr to RGB",
    "first": "{} taken as the first picture of an MPO file",
}


class Pictures(NamedTuple):
    """Decoded images.

    Attributes:
        pixels: as stored: uint8, or uint16 of 16-bit grey images (int32 and float32 of images that hold such numbers);
            shape ``(n, height, width)`` if all are grey, else ``(n, height, width, 3)``.
        form: the formats of the files inside, for instance ``PNG``.
        notes: what was done to them.
    """

    pixels: NDArray[Any]
    form: str
    notes: tuple[str, ...]


def pictures(rows: Iterable[bytes | None], count: int, where: str, limit: float | None = None) -> Pictures:
    """Decode images of one size.

    Sizes are read from the headers before anything is decoded. Nothing that an image holds is lost in silence: an
    alpha channel that is not opaque, further frames and more than 8 bits a colour channel are refused.

    Args:
        rows: the bytes of one image file each.
        count: how many rows there are.
        where: what holds them, for messages; the row is named after it.
        limit: bytes that the arrays may take, float32 copy included; None for no limit beside Pillow's own, some
            89 million pixels an image.

    Raises:
        DataError: no rows, a row without an image, one that cannot be decoded or would lose something, images of
            different sizes, or more of them than the limit allows.
    """
    out: NDArray[Any] | None = None
    done: Counter[str] = Counter()
    forms: dict[str, None] = {}
    with _strict():
        for row, data in enumerate(rows):
            at = f"{where}, row {row}"
            with _opened(data, at) as image:
                size = (image.height, image.width)
                if out is None:
                    _check_memory(at, count, size, image.mode, limit)
                elif sorted(size) != sorted(out.shape[1:3]):
                    raise _other_size(at, out.shape[1:3], size)
                forms[str(image.format)] = None
                one = _decoded(image, at, done)
            if out is None:
                out = np.empty((count, *one.shape), one.dtype)
            if one.shape[:2] != out.shape[1:3]:
                raise _other_size(at, out.shape[1:3], one.shape[:2])
            if one.dtype != out.dtype:
                raise DataError(
                    f"{at}: expected {_depth(out.dtype)} like the first image, got {_depth(one.dtype)}. Convert all "
                    "images to one depth."
                )
            if one.ndim == out.ndim:
                _check_memory(at, count, size, "RGB", limit)
                done["grey"] += row
                out = np.repeat(out[..., None], 3, axis=3)
            elif one.ndim < out.ndim - 1:
                done["grey"] += 1
                one = one[..., None]
            out[row] = one
    if out is None:
        raise DataError(f"{where}: expected at least one row, got none. The file is empty.")
    notes = tuple(text.format(_images(done[kind])) for kind, text in _NOTES.items() if done[kind])
    return Pictures(out, " and ".join(forms), notes)


@cache
def _formats() -> tuple[str, ...]:
    """The formats that this Pillow can open, its readers loaded."""
    from PIL import Image

    for name in FORMATS:
        with suppress(ImportError):
            import_module(f"PIL.{name}ImagePlugin")
    return tuple(name.upper() for name in FORMATS if name.upper() in Image.OPEN)


@contextmanager
def _strict() -> Iterator[None]:
    """Within it, an image that is too large or cut short is an error, whatever other code has set."""
    from PIL import Image, ImageFile

    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=".*[Tt]runcated.*")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


@contextmanager
def _opened(data: bytes | None, at: str) -> Iterator[Image.Image]:
    """The image, of which only the header is read; whatever Pillow raises on its bytes becomes one sentence."""
    from PIL import Image

    if not data or not isinstance(data, bytes | bytearray | memoryview):
        raise DataError(f"{at}: expected the bytes of an image, got none. Store images as bytes, not as paths.")
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            yield image
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(
            f"{at}: expected an image of at most {Image.MAX_IMAGE_PIXELS or 0:,} pixels, got a header that says more "
            f"({len(data):,} bytes are stored). Make it smaller, or drop the row."
        ) from error
    except Exception as error:  # damaged bytes make the decoders raise errors of every type
        raise DataError(
            f"{at}: expected a PNG or JPEG image, got {len(data)} bytes that cannot be decoded ({_why(error)}). "
            "The file is damaged or of another format: get it again, save it as PNG, or drop the row."
        ) from error


def _decoded(image: Image.Image, at: str, done: Counter[str]) -> NDArray[Any]:
    """Pixels of one image, shape ``(height, width)`` or ``(height, width, 3)``; what was done to it is counted."""
    from PIL import ImageOps

    if getattr(image, "is_animated", False):
        if image.format != "MPO":
            raise DataError(
                f"{at}: expected one picture, got a {image.format} of {getattr(image, 'n_frames', 'several')} frames. "
                "Store the frame that is meant, as PNG."
            )
        done["first"] += 1
    mode, deep = image.mode, _deep(image)
    if mode not in (*_GREY, *_COLOURED, *_NUMBERS) and not mode.startswith("I;16"):
        raise DataError(f"{at}: expected a grey or RGB image, got mode {mode}. Convert it to RGB.")
    image.load()
    if image.has_transparency_data:
        if mode[0] in "IF" or image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            raise DataError(
                f"{at}: expected an image without transparency, got mode {mode} with an alpha channel that is not "
                "opaque: dropping it would lose what it holds. Paint the images on a background first "
                "(PIL.Image.alpha_composite), or store all four channels as numbers in an .npz."
            )
        done["alpha"] += 1
    if deep:
        raise DataError(
            f"{at}: expected 8 bits a channel in a coloured image or one with alpha, got {deep}, of which half would "
            "be lost. Save it with 8 bits, or store the numbers in an .npz."
        )
    if image.format != "TIFF" and any(key in image.info for key in _WITH_EXIF):
        turned = image.getexif().get(_ORIENTATION, 1)
        if turned in range(2, 9):
            done["turned"] += 1
            image = ImageOps.exif_transpose(image)
    if mode in _NUMBERS:
        return np.asarray(image, dtype=_NUMBERS[mode])
    if mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    done[mode] += 1
    pixels = np.asarray(image.convert("L" if mode in _GREY else "RGB"), dtype=np.uint8)
    grey = mode in ("P", "PA") and bool((pixels == pixels[..., :1]).all())  # a palette of greys alone
    return np.ascontiguousarray(pixels[..., 0]) if grey else pixels


def _deep(image: Image.Image) -> str:
    """What is stored in more than 8 bits a channel where Pillow gives 8; else nothing."""
    if image.mode[0] in "IF" or image.format not in ("PNG", "TIFF", "PPM"):
        return ""
    for tile in getattr(image, "tile", ()):
        settings = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        for one in settings:
            if isinstance(one, str) and any(bits in one for bits in (";16", ";12", ";32")):
                return f"more ({one})"
            if image.format == "PPM" and isinstance(one, int) and one > 255:
                return f"values up to {one}"
    return ""


def _check_memory(at: str, rows: int, size: tuple[int, ...], mode: str, limit: float | None) -> None:
    height, width = size
    bytes_each = 8 if mode[0] in "IF" else 5 if mode in _GREY else 15
    needed = float(rows) * height * width * bytes_each
    if limit is not None and needed > limit:
        raise DataError(
            f"{at}: {_images(rows)} of {height} x {width} pixels take {needed / 1e9:.2g} GB as arrays, and "
            f"{limit / 1e9:.2g} GB are allowed. Make the images smaller, or keep fewer rows."
        )


def _other_size(at: str, first: Sequence[int], got: Sequence[int]) -> DataError:
    return DataError(
        f"{at}: expected an image of shape {tuple(first)} like the first, got {tuple(got)}. Bring all images to one "
        "size."
    )


def _depth(kind: np.dtype[Any]) -> str:
    return f"{8 * kind.itemsize}-bit {'numbers' if kind.kind == 'f' else 'whole numbers'}"


def _why(error: Exception) -> str:
    """An error of a decoder in one short line; it may quote bytes of the image."""
    return shown(" ".join(str(error).split())[:160]) or type(error).__name__


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"
