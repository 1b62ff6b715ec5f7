"""Images: what is decoded exactly, what is said, and what would lose something and is refused."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from overparam import data
from overparam.core.errors import DataError
from overparam.data.images import pictures

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (4, 6), dtype=np.uint8)
RGB = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (4, 6), dtype=np.uint16)


def stored(image, form="PNG", **options):
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, form, **options)
    return buffer.getvalue()


def look(*rows, limit=None):
    return pictures(rows, len(rows), "'a.parquet'", limit)


def png(width, height, depth, colour, rows):
    """A PNG written by hand, for what Pillow does not write."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def with_alpha(alpha, colour=0):
    return np.dstack([np.full((4, 6, 3), colour, np.uint8), alpha])


OPAQUE = np.full((4, 6), 255, np.uint8)
SHAPE = np.where(np.arange(24).reshape(4, 6) % 2, 255, 0).astype(np.uint8)
PALETTE = Image.fromarray(RGB).convert("P")


@pytest.mark.parametrize(
    ("row", "pixels", "form"),
    [
        (stored(GREY), GREY, "PNG"),
        (stored(RGB), RGB, "PNG"),
        (stored(RGB, "BMP"), RGB, "BMP"),
        (stored(RGB, "TIFF"), RGB, "TIFF"),
        (stored(RGB, "WEBP", lossless=True), RGB, "WEBP"),
        (stored(RGB, "PPM"), RGB, "PPM"),
        (stored(GREY, "GIF"), GREY, "GIF"),
        (stored(DEEP), DEEP, "PNG"),
        (stored(DEEP, "TIFF"), DEEP, "TIFF"),
        (stored(np.int32([[-5, 2**30]]), "TIFF"), np.int32([[-5, 2**30]]), "TIFF"),
        (stored(np.float32([[0.1, -7.5]]), "TIFF"), np.float32([[0.1, -7.5]]), "TIFF"),
        (stored(Image.fromarray(SHAPE).convert("1")), SHAPE, "PNG"),
        (stored(PALETTE), np.asarray(PALETTE.convert("RGB")), "PNG"),
        (png(2, 1, 2, 0, [b"\x10"]), np.uint8([[0, 85]]), "PNG"),
    ],
    ids=map(str, range(14)),
)
def test_values_come_back_exactly(row, pixels, form):
    found = look(row, row)
    assert np.array_equal(found.pixels, np.stack([pixels, pixels]))
    assert (found.pixels.dtype, found.form, found.notes) == (pixels.dtype, form, ())


@pytest.mark.parametrize(
    ("row", "pixels", "note"),
    [
        (stored(with_alpha(OPAQUE, 7)), np.full((4, 6, 3), 7), "1 image had an alpha channel, opaque everywhere"),
        (stored(np.dstack([GREY, OPAQUE])), GREY, "1 image had an alpha channel, opaque everywhere"),
        (stored(RGB, transparency=(1, 2, 3)), RGB, "1 image had an alpha channel, opaque everywhere"),
        (stored(Image.fromarray(np.full((4, 6, 4), (255, 0, 0, 0), np.uint8), "CMYK"), "TIFF"),
         np.full((4, 6, 3), (0, 255, 255)), "1 image converted from CMYK to RGB"),
    ],
    ids=map(str, range(4)),
)  # fmt: skip
def test_what_was_done_is_said(row, pixels, note):
    found = look(row)
    assert np.array_equal(found.pixels[0], pixels)
    assert found.notes[0].startswith(note)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (stored(with_alpha(SHAPE)), "without transparency, got mode RGBA with an alpha channel that is not opaque"),
        (stored(with_alpha(OPAQUE - 1, 9)), "mode RGBA .* not opaque"),
        (stored(np.dstack([GREY, SHAPE])), "mode LA .* not opaque"),
        (stored(PALETTE, transparency=int(np.asarray(PALETTE)[0, 0])), "mode P with an alpha"),
        (stored(GREY, transparency=int(GREY[0, 0])), "mode L with an alpha"),
        (stored(RGB, transparency=tuple(map(int, RGB[0, 0]))), "mode RGB with an alpha"),
        (stored(with_alpha(SHAPE), "WEBP", lossless=True, exact=True), "not opaque"),
        (stored(Image.fromarray(GREY), "GIF", save_all=True, append_images=[Image.fromarray(255 - GREY)]),
         "one picture, got a GIF of 2 frames. Store the frame"),
        (stored(Image.fromarray(GREY), "PNG", save_all=True, append_images=[Image.fromarray(255 - GREY)]),
         "one picture, got a PNG of 2 frames"),
        (stored(Image.fromarray(GREY), "TIFF", save_all=True, append_images=[Image.fromarray(255 - GREY)]),
         "one picture, got a TIFF of 2 frames"),
        (stored(Image.fromarray(RGB), "WEBP", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
         "one picture, got a WEBP of 2 frames"),
        (png(1, 1, 16, 2, [bytes(range(6))]), r"8 bits a channel .*, got more \(RGB;16B\), of which half"),
        (png(1, 1, 16, 6, [b"\1" * 6 + b"\xff\xff"]), "8 bits a channel"),
        (png(1, 1, 16, 4, [b"\1\2\xff\xff"]), "8 bits a channel"),
        (b"P6 1 1 65535\n" + bytes(range(6)), "8 bits a channel .* got values up to 65535"),
        (stored(Image.fromarray(RGB).convert("LAB"), "TIFF"), "grey or RGB image, got mode LAB"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 6\n", "cannot be decoded"),
        (b"<svg></svg>", "cannot be decoded"),
        (b"", "bytes of an image, got none"),
        (None, "bytes of an image, got none"),
        ("1.png", "bytes of an image, got none. Store images as bytes, not as paths"),
        (stored(RGB)[:60], "60 bytes that cannot be decoded"),
        (stored(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8), "JPEG")[:900], "900 bytes that cannot be decoded"),
        (stored(RGB)[:-30] + b"x" * 30, "cannot be decoded"),
        (png(50_000, 50_000, 8, 0, [b""]), r"at most [\d,]+ pixels, got a header that says more"),
        (png(11_000, 11_000, 8, 0, [b""]), r"at most [\d,]+ pixels, got a header that says more"),
    ],
    ids=map(str, range(30)),
)  # fmt: skip
def test_what_would_be_lost_or_cannot_be_read_is_refused_with_its_row(row, text):
    with pytest.raises(DataError, match=f"^'a.parquet', row 0: expected .*{text}"):
        look(row)


def test_a_photograph_of_a_phone_is_its_first_picture():
    smooth = np.linspace(0, 255, 256).reshape(16, 16).astype(np.uint8)
    first = Image.fromarray(smooth)
    found = look(stored(first, "MPO", save_all=True, append_images=[Image.fromarray(255 - smooth)]))
    assert np.abs(found.pixels[0].astype(int) - smooth).max() < 12
    assert found.notes == ("1 image taken as the first picture of an MPO file",)


@given(
    st.integers(0, 5), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)
)
@settings(max_examples=60, deadline=None)
def test_damaged_bytes_are_decoded_or_refused_and_nothing_else(which, changes):
    damaged = bytearray(stored(RGB, ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP")[which]))
    for place, value in changes:
        damaged[place % len(damaged)] = value
    try:
        said, shape = "", look(bytes(damaged), limit=1e7).pixels.shape
    except DataError as error:
        said, shape = str(error), (1, 1, 1)
    assert said.isprintable()
    assert len(shape) in (3, 4)


def test_truncated_images_are_refused_whatever_other_code_has_set(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    cut = stored(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8))[:5000]
    with pytest.raises(DataError, match="cannot be decoded"):
        look(cut)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize("order", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, 1)])
def test_grey_beside_colour_becomes_rgb_and_is_counted(order):
    rows = [GREY if kind else RGB for kind in order]
    found = look(*map(stored, rows))
    for one, row in zip(found.pixels, rows, strict=True):
        assert np.array_equal(one, row if row.ndim == 3 else np.repeat(row[..., None], 3, axis=2))
    many = sum(order)
    named = "1 image" if many == 1 else f"{many} images"
    assert found.notes == (f"{named} in grey beside coloured ones: grey became RGB with three equal channels",)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_photograph_is_applied_and_said(orientation):
    upright = np.repeat(np.repeat(GREY, 8, axis=0), 8, axis=1)
    undo = {
        2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.T,
        6: lambda a: np.rot90(a, 1), 7: lambda a: a[::-1, ::-1].T, 8: lambda a: np.rot90(a, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[274] = orientation
    turned = np.ascontiguousarray(undo.get(orientation, lambda a: a)(upright))
    for form in ("JPEG", "PNG"):
        found = look(stored(turned, form, exif=exif))
        assert np.abs(found.pixels[0].astype(int) - upright).mean() < 6
        assert found.notes == (
            () if orientation == 1 else ("1 image turned or mirrored as the EXIF orientation asks",)
        )


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (GREY, GREY[:, :5], r"an image of shape \(4, 6\) like the first, got \(4, 5\)"),
        (GREY, GREY.T.copy(), r"an image of shape \(4, 6\) like the first, got \(6, 4\)"),
        (GREY, DEEP, "8-bit whole numbers like the first image, got 16-bit whole numbers"),
        (DEEP, RGB, "16-bit whole numbers like the first image, got 8-bit"),
    ],
)
def test_images_of_two_sizes_or_depths(first, second, text):
    with pytest.raises(DataError, match=f"row 1: expected {text}"):
        look(stored(first), stored(second))


def test_a_limit_is_checked_before_anything_is_decoded(monkeypatch):
    header = png(9000, 9000, 8, 0, [b""])
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(
        DataError, match=r"row 0: 40 images of 9000 x 9000 pixels take 16 GB as arrays, and 1 GB"
    ):
        look(*[header] * 40, limit=1e9)
    monkeypatch.undo()
    with pytest.raises(DataError, match="row 1: 3 images of 4 x 6 pixels take"):
        look(stored(GREY), stored(RGB), stored(RGB), limit=3 * 24 * 5)
    assert look(stored(GREY), limit=24 * 5).pixels.shape == (1, 4, 6)


def test_no_rows():
    with pytest.raises(DataError, match="'a.parquet': expected at least one row, got none"):
        look()


def test_16_bits_of_an_image_become_0_to_1():
    found = look(*[stored(DEEP)] * 4)
    made = data.from_arrays(found.pixels, [0, 1, 0, 1], name="a")
    assert np.array_equal(made.x[0], DEEP.astype(np.float32) / np.float32(65535))
    assert "values 0 to 65535 were divided by 65535" in made.notes
