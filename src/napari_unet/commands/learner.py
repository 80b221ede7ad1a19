"""``napari-unet learner``: what a window elsewhere starts here, to train and predict for it."""

from napari_unet.learner.__main__ import main


def run() -> None:
    """Serve whoever started this over standard input and output until it closes them."""
    main(packed=True)
