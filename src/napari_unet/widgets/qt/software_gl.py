"""Mesa's software OpenGL, as on remote desktops, kept from ending the process.

When a compiled program is deleted and another takes its place in memory, Mesa (22.3, llvmpipe)
draws with no vertex shader, which ends the process. It takes napari alone a few hundred layers that
come and go, or a few where a brush is on them. So there nothing that was compiled is deleted: about
2.5 MB stay of each layer that is removed.
"""

from functools import lru_cache

from vispy.gloo import gl, glir

_SOFTWARE = ("llvmpipe", "softpipe", "swr")


@lru_cache(maxsize=1)
def keep_programs() -> None:
    """Let vispy delete no program where OpenGL is Mesa's software; elsewhere nothing changes."""
    delete = glir.GlirProgram.delete

    def kept(program: glir.GlirProgram) -> None:
        if not is_software(str(gl.glGetParameter(gl.GL_RENDERER))):
            delete(program)

    glir.GlirProgram.delete = kept


def is_software(renderer: str) -> bool:
    """Return whether OpenGL of that name computes on the processor, by Mesa."""
    return any(name in renderer.lower() for name in _SOFTWARE)
