"""The recipe that `fallline train` begins with, by the kind and the size of its source."""

from fallline.data.image_count import count_images
from fallline.models import MLP
from fallline.optimizers import Adam
from fallline.schedules import Cosine
from fallline.training.recipe import Recipe

MANY_IMAGES = 20_000  # from which a wide network with strong dropout is worth its time (docs/accuracy.md)


def usual_recipe(source: object) -> Recipe:
    """The default recipe; for a folder of many images, a wide network with strong dropout.

    Arguments:
        source: as for `load`.

    >>> usual_recipe("sklearn:digits").model.hidden
    (128, 64)
    """
    if count_images(source, MANY_IMAGES) < MANY_IMAGES:
        return Recipe()
    return Recipe(model=MLP((1024, 512), dropout=0.5), optimizer=Adam(Cosine(1.5e-3, warmup=0.05)), epochs=40)
