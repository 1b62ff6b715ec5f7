"""Images from their bytes: what is stored in a table or a folder becomes an array of pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError

if TYPE_CHECKING:
    from PIL import Image


def decode(data: bytes | None, path: Path, row: int) -> tuple[NDArray[np.uint8], str]:
    """Return the pixels of an image and its format."""
    from PIL import Image

    where = f"'{path}', row {row}"
    if not data:
        raise DataError(
            f"{where}: expected the bytes of an image, got none. Store images as bytes, not as paths."
        )
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(_plain(image, where), dtype=np.uint8), str(image.format)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{where}: expected a PNG or JPEG image, got {len(data)} bytes that cannot be decoded ({error}). "
            "The file is damaged: get it again, or drop the row."
        ) from error


def _plain(image: Image.Image, where: str) -> Image.Image:
    """Return the image in 8-bit grey or RGB."""
    if image.mode in ("L", "RGB"):
        return image.copy()
    if image.mode[0] in "IF":
        raise DataError(
            f"{where}: expected an image of 8 bits a channel, got mode {image.mode}. Convert it to 8 bits."
        )
    return image.convert("L" if image.mode in ("1", "LA") else "RGB")
