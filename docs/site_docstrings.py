"""How numpydoc's short forms are read where griffe reads them otherwise."""

from __future__ import annotations

from typing import Any

import griffe


class EachParameterItsOwnType(griffe.Extension):
    """Give each of several parameters that are described together the type of its own.

    `images, labels` is one entry of a numpydoc section; griffe gives all of them the first one's
    annotation and default.
    """

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Go through all functions of a package once it is read."""
        _mend(pkg)


def _mend(owner: griffe.Module | griffe.Class) -> None:
    for member in owner.members.values():
        if member.is_alias:
            continue
        if isinstance(member, griffe.Function) and member.docstring is not None:
            _mend_function(member, member.docstring)
        elif isinstance(member, griffe.Module | griffe.Class):
            _mend(member)


def _mend_function(function: griffe.Function, docstring: griffe.Docstring) -> None:
    for section in docstring.parsed:
        if isinstance(section, griffe.DocstringSectionParameters):
            for described in section.value:
                if described.name in function.parameters:
                    parameter = function.parameters[described.name]
                    described.annotation = parameter.annotation or described.annotation
                    described.value = parameter.default
