"""Learning in a warm process of its own, so that a window stays alive while it runs."""

from napari_unet.learner.client import Learner

__all__ = ["Learner"]
