from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.segmenting import check_channels
from napari_unet.core.source import ImageSource
from napari_unet.errors import InvalidInput
from scenes import random_model, volume_network


def test_files_and_batches_say_that_a_model_is_one_for_volumes():
    """They go plane by plane, of which such a model cannot say anything."""
    source = ImageSource.from_array(np.zeros((5, 20, 30), np.uint8), axes="ZYX")
    with pytest.raises(InvalidInput, match=r"for volumes.*napari_unet\.predict\.$"):
        check_channels(random_model(volume_network((1, 1, 1))).header, source)
