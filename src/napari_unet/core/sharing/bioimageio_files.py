"""The files of a package from somebody else, none of which is trusted.

bioimageio.spec would read them too, but fetches what is an address, follows paths out of the
package and takes whatever size there is into memory.
"""

import hashlib
import lzma
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from napari_unet.errors import InvalidModel, UnreadableFile

DESCRIPTIONS = ("rdf.yaml", "bioimageio.yaml", "model.yaml")
_ZIP = b"PK\x03\x04"
# What Python's zipfile raises where a file is damaged, encrypted or compressed in unknown ways.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # also NotImplementedError
    ValueError,
)


def is_package(path: Path) -> bool:
    """Return whether a path is a zip file or an unpacked one, which no model file of ours is."""
    if path.is_dir():
        return any((path / name).is_file() for name in DESCRIPTIONS)
    try:
        with open(path, "rb") as file:
            return file.read(len(_ZIP)) == _ZIP
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read ({error.strerror}).") from None


def opened(path: Path) -> Path | zipfile.Path:
    """Return the root of a package, a folder or a zip file."""
    if path.is_dir():
        return path.resolve()
    try:
        return zipfile.Path(zipfile.ZipFile(path))
    except _DAMAGES as error:
        raise InvalidModel(f"the zip file is damaged ({error}); take another copy.") from None


def content(root: Path | zipfile.Path, name: str, most: int, sha256: str | None = None) -> bytes:
    """Return the content of a file; nothing is unpacked to disk.

    ``name`` is a path inside the package, as the description has it. ``InvalidModel`` if it is an
    address, leads out of the package, is missing, damaged, larger than ``most`` bytes (nothing
    larger is taken into memory), or has another checksum.
    """
    shown, plain = name[:200], PurePosixPath(name)
    if "://" in name:
        raise InvalidModel(
            f"the package keeps {shown} elsewhere; get the whole model as one zip file."
        )
    path = root / str(plain)
    if (
        plain.is_absolute()
        or ".." in plain.parts
        or any(sign in name for sign in "\\:\0")
        or (isinstance(path, Path) and not path.resolve().is_relative_to(str(root)))  # of links
    ):
        raise InvalidModel(
            f"the package refers to {shown!r}, which is not in it; do not use this package."
        )
    if not path.is_file():
        raise InvalidModel(f"{shown} is missing in the package; take another copy of it.")
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)  # not what a zip file says of its size, which may be a lie
    except _DAMAGES as error:
        raise InvalidModel(
            f"{shown} in the package is damaged or cannot be read ({error}); take another copy."
        ) from None
    if len(data) > most:
        raise InvalidModel(
            f"{shown} in the package is larger than {most // 2**20} MiB; such a package cannot be "
            "used."
        )
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise InvalidModel(
            f"{shown} in the package is not what its description says; take another copy."
        )
    return data
