"""``python -m napari_unet.learner``: the process that a :class:`Learner` starts."""

from __future__ import annotations

from napari_unet.learner.child.loop import main

if __name__ == "__main__":
    main()
