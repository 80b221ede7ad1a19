"""What a project folder says it holds."""

from __future__ import annotations

import pytest

from napari_unet.errors import InvalidInput
from napari_unet.project.index import ProjectIndex


def test_what_is_not_there_is_said():
    with pytest.raises(InvalidInput, match="no layer mine of strokes"):
        ProjectIndex().annotation("mine")
    with pytest.raises(InvalidInput, match="no version 7"):
        ProjectIndex().version(7)
