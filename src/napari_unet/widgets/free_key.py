"""A key of a viewer, taken only where nobody else has it.

napari (0.9) gives no heed to the keys that a plugin's manifest names.
"""

from __future__ import annotations

from collections.abc import Callable

from napari.components import ViewerModel
from napari.utils.key_bindings import coerce_keybinding


def bind_if_free(
    viewer: ViewerModel, key: str, call: Callable[[], object]
) -> Callable[[], None] | None:
    """Have a key of the viewer call something, unless napari or another plugin has that key.

    Returns
    -------
    callable or None
        Gives the key back, unless somebody else has taken it meanwhile; ``None`` if the key was
        not free.
    """
    binding = coerce_keybinding(key)
    taken = [viewer.keymap, *(getattr(kind, "class_keymap", {}) for kind in type(viewer).__mro__)]
    if any(binding in keymap for keymap in taken):
        return None

    def press(_viewer: ViewerModel) -> None:
        call()

    def give_back() -> None:
        if viewer.keymap.get(binding) is press:
            viewer.bind_key(binding, None)

    viewer.bind_key(binding, press)
    return give_back
