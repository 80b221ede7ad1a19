"""Importing torchvision beside a build of torch that its compiled operators are not for."""

from __future__ import annotations

import torch

_DESCRIBED = ("nms", "qnms")  # what it registers more of, whether they are there or not


def import_torchvision() -> None:
    """Import it, without its operators where these cannot be loaded.

    The package index has torchvision for one build of torch alone. Beside another, as that for
    processors only, it is imported once the operators are known that it describes further. They
    cannot be called; nothing that is compared does.
    """
    try:
        import torchvision
    except RuntimeError:
        for name in _DESCRIBED:
            torch.library.define(
                f"torchvision::{name}", "(Tensor dets, Tensor scores, float threshold) -> Tensor"
            )
        import torchvision  # noqa: F401
