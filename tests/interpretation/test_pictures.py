"""Rows of pixels become PNG files that a reader of images reads back."""

import base64
import io

import numpy as np
import pytest

import fallline as fl
from fallline.interpretation.pictures import data_uri, png, sides


@pytest.mark.parametrize("channels", [1, 3])
def test_another_reader_sees_the_same_pixels(channels):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, channels)).astype(np.uint8)
    found = np.asarray(image.open(io.BytesIO(png(pixels)))).reshape(7, 5, channels)
    np.testing.assert_array_equal(found, pixels)


def test_missing_pixels_are_dark_and_large_images_are_made_small():
    image = pytest.importorskip("PIL.Image")
    address = data_uri(np.r_[np.nan, np.full(96 * 96 - 1, 2.0)], 96, 96, 1, 2.0)
    found = np.asarray(image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
    assert found.shape == (48, 48)
    assert (found[0, 0], found[1, 1]) == (0, 255)


def test_images_are_known_by_names_number_and_values():
    digits = fl.load("sklearn:digits")
    assert sides(digits.schema, digits.dataset.x) == (8, 8, 1)
    iris = fl.load("sklearn:iris")
    assert sides(iris.schema, iris.dataset.x) is None
    draw = np.random.default_rng(0)
    noise = fl.Table.from_arrays(draw.normal(size=(60, 49)), draw.integers(0, 2, 60))  # named x0 to x48, but below 0
    assert sides(noise.schema, noise.dataset.x) is None
