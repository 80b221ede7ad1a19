"""``python -m napari_unet.learner``: the process that a :class:`Learner` starts."""

from napari_unet.learner.greeting import greet
from napari_unet.learner.spawn import own_streams


def main(*, packed: bool = False) -> None:
    """Serve the parent process over standard input and output until it closes them.

    What it answers is compressed if ``packed``.
    """
    requests, replies = own_streams()
    greet(replies)
    from napari_unet.learner.child.loop import serve  # takes seconds, and may be missing parts

    serve(requests, replies, packed=packed)


if __name__ == "__main__":
    main()
