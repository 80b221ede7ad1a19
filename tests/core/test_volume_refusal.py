from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_unet.core.batch_plan import plan_batch
from napari_unet.core.segmenting import check_channels
from napari_unet.core.source import ImageSource
from napari_unet.errors import InvalidInput
from scenes import random_model, volume_network


def test_files_and_batches_say_that_a_model_is_one_for_volumes():
    """They go plane by plane, of which such a model cannot say anything."""
    source = ImageSource.from_array(np.zeros((5, 20, 30), np.uint8), axes="ZYX")
    with pytest.raises(InvalidInput, match=r"for volumes.*napari_unet\.predict\.$"):
        check_channels(random_model(volume_network((1, 1, 1))).header, source)


def test_a_batch_refuses_each_image_for_a_model_of_voxels_of_known_size(tmp_path):
    model = random_model(volume_network((1, 1, 1)))
    known = {"pixel_size": (2.0, 0.5, 0.5), "pixel_unit": "µm"}
    model = replace(model, header=model.header.model_copy(update=known))
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        np.zeros((20, 30), np.uint8),
        metadata={"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5},
    )
    (item,) = plan_batch([tmp_path / "a.ome.tif"], model, tmp_path / "out").items
    assert item.action == "refused"
    assert "for volumes" in item.sentences[0]
