"""Where a learner runs: in a process of this computer, behind ssh, or behind any other command."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from napari_unet.errors import InvalidInput
from napari_unet.learner.greeting import VERSION

REMOTE = "napari-unet learner"
VARIABLE = "NAPARI_UNET_LEARNER"
_SSH = (
    *("ssh", "-T"),
    *("-o", "BatchMode=yes"),  # nobody could answer a question
    *("-o", "ConnectTimeout=20"),
    *("-o", "ServerAliveInterval=15"),  # else a line that is cut looks like one that is silent
    *("-o", "ControlMaster=no"),  # it is killed at times, which must not end other connections
    "--",
)
_INSTALL = f"`pip install napari-unet-live=={VERSION}`"
_NO_ANSWER = (
    "it does not answer ({last}); check that it is on, and that `ssh {host}` works in a terminal."
)
# What ssh writes, in lower case, and what that means.
_SAID_BY_SSH = (
    (
        "could not resolve hostname",
        "no computer of that name is known; check it with `ssh {host}` in a terminal.",
    ),
    (
        "host key verification failed",
        "its key is not known here, or is another one; run `ssh {host}` once in a terminal.",
    ),
    (
        "permission denied (",
        "it asks for a password or a passphrase, which is not asked for here; set up a key with "
        "`ssh-copy-id {host}`, so that `ssh {host}` asks for nothing.",
    ),
    ("connection refused", _NO_ANSWER),
    ("connection timed out", _NO_ANSWER),
    ("operation timed out", _NO_ANSWER),
    ("no route to host", _NO_ANSWER),
    ("network is unreachable", _NO_ANSWER),
)
_FULL = "no space left on device"
_MISSING = ("command not found", "not found", "no such file or directory", "no module named")
_OLDER = "invalid choice: 'learner'"


@dataclass(frozen=True)
class Computer:
    """Where a learner runs.

    ``host`` is a computer as ssh knows it, ``HOST`` or ``USER@HOST``; empty for this one.
    ``command`` starts a learner that listens on its standard input and answers on its standard
    output, in one line; empty for the usual one.
    """

    host: str = ""
    command: str = ""

    @classmethod
    def checked(cls, host: str, command: str) -> Computer:
        """Return a computer as somebody typed it."""
        host, command = host.strip(), command.strip()
        if host.startswith("-") or len(host.split()) > 1:
            raise InvalidInput(f"{host!r} is no name of a computer; write HOST or USER@HOST.")
        try:
            shlex.split(command)
        except ValueError as error:
            raise InvalidInput(f"the command cannot be read ({error}); check its quotes.") from None
        return cls(host, "" if host and command == REMOTE else command)

    @classmethod
    def from_environment(cls) -> Computer:
        """Return what ``NAPARI_UNET_LEARNER`` names by its command, or else this computer."""
        return cls(command=os.environ.get(VARIABLE, "").strip())

    @property
    def is_here(self) -> bool:
        """Whether it is the usual process of this computer."""
        return self == HERE

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        if self.host or self.is_here:
            return self.host or "this computer"
        return next(iter(self.argv), self.command)

    @property
    def argv(self) -> Sequence[str]:
        """Program and arguments that start the learner."""
        if self.host:
            return (*_SSH, self.host, self.command or REMOTE)
        if self.command:
            return shlex.split(self.command, posix=os.name != "nt")
        return (sys.executable, "-m", "napari_unet.learner")

    def why(self, code: int, lines: Sequence[str], *, answered: bool) -> str:
        """Return in a sentence why a learner elsewhere ended.

        ``code`` is the exit code of the command, ``lines`` what it wrote on its standard error;
        ``answered`` if a learner of this version had answered before.
        """
        last = lines[-1].strip().rstrip(".") if lines else f"exit code {code}"
        said = "\n".join(lines).lower()
        if _FULL in said:
            return self._of("its disk is full; free some space there.")
        if answered:
            return self._of(f"the line to it broke, or the learner ended there ({last}).")
        if self.host:
            for sign, meaning in _SAID_BY_SSH:
                if sign in said:
                    return self._of(meaning.format(host=self.host, last=last))
        if code == 127 or any(sign in said for sign in _MISSING):
            return self._of(
                f"napari-unet is not found there ({last}); install it there with {_INSTALL}, or "
                "give the command with its path."
            )
        if _OLDER in said:
            return self.other_version("an older version")
        return self._of(f"no learner answered ({last}); check the command that starts it.")

    def no_answer_yet(self) -> str:
        """Return what to say while no learner has answered for long, as in a scheduler's queue."""
        return self._of("no learner has answered yet; it is waited for.")

    def other_version(self, version: str) -> str:
        """Return the sentence about a learner of another version."""
        return self._of(
            f"it has napari-unet {version} and this computer {VERSION}; install the same there "
            f"with {_INSTALL}."
        )

    def no_learner(self, said: str) -> str:
        """Return the sentence about what answers and is no learner."""
        return self._of(
            f"what answers is no learner but says {said!r}; check the command that starts it."
        )

    def _of(self, text: str) -> str:
        return f"{self.name}: {text}"


HERE = Computer()
