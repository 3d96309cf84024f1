"""How many images a source has, without reading them."""

import gzip
from itertools import islice
from pathlib import Path

from fallline.data.image_folder import has_images, images_in
from fallline.data.mnist import has_idx, training_images


def count_images(source: object, most: int) -> int:
    """The number of training images of a folder of idx files, or of images in a folder; 0 for any other source.

    Arguments:
        source: as for `load`.
        most: counting ends here.

    >>> count_images("sklearn:digits", 10)
    0
    """
    if not isinstance(source, str | Path):
        return 0
    folder = Path(source)
    try:
        if not folder.is_dir():
            return 0
        if has_idx(folder):
            return min(most, _declared(training_images(folder)))
        return sum(1 for _ in islice(images_in(folder), most)) if has_images(folder) else 0
    except (OSError, ValueError):
        return 0  # whoever reads the source says what is wrong with it


def _declared(path: Path | None) -> int:
    """The number of images that the header of an idx file declares; 0 if it declares none."""
    if path is None:
        return 0
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        header = file.read(8)
    return int.from_bytes(header[4:], "big") if len(header) == 8 else 0
