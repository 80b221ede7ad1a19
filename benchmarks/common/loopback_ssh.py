"""A real ssh server on the loopback, with keys of its own, and the ``ssh`` that reaches it."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOST = "workstation"
_SBIN = "/usr/sbin:/sbin"
_SECONDS_TO_START = 20


def why_not() -> str:
    """Return why there can be no server; empty if there can be one."""
    missing = [name for name in ("sshd", "ssh", "ssh-keygen") if not _path(name)]
    if missing:
        return f"{' and '.join(missing)} missing; install openssh-server"
    if os.geteuid() == 0 and not os.access("/run", os.W_OK):
        return "the server of root needs the folder /run/sshd"
    return ""


@dataclass(frozen=True)
class Server:
    """A server that runs; ``environment`` is what ``ssh`` needs to know it."""

    environment: dict[str, str]
    pid: int

    def cut(self) -> None:
        """Break the lines of all who are connected."""
        asked = ["ps", "-o", "pid=", "--ppid", str(self.pid)]
        for pid in subprocess.run(asked, capture_output=True, text=True).stdout.split():
            os.kill(int(pid), signal.SIGKILL)


@contextmanager
def loopback_ssh(folder: Path) -> Iterator[Server]:
    """Run a server in an empty folder.

    ``workstation`` works. ``locked`` refuses the key, ``stranger`` has an unknown key of its own,
    ``off`` runs no server, and ``nowhere`` has no address.
    """
    for name in ("host", "user", "other"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    port, closed = _free_port(), _free_port()
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    public = (folder / "host.pub").read_text()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {public}")
    (folder / "empty").write_text("")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\n"
        f"AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nStrictModes no\nUsePAM no\nPidFile none\n"
        "PermitRootLogin yes\nPrintMotd no\n"
    )
    usual = (
        f"HostName 127.0.0.1\nUser {getpass.getuser()}\nPort {port}\n"
        f"UserKnownHostsFile {folder}/known\n"
    )
    (folder / "ssh_config").write_text(
        f"Host locked\nIdentityFile {folder}/other\n"
        f"Host stranger\nUserKnownHostsFile {folder}/empty\n"
        f"Host off\nPort {closed}\n"
        "Host nowhere\nHostName nowhere.invalid\n"
        f"Host * !locked\nIdentityFile {folder}/user\n"
        f"Host *\nIdentitiesOnly yes\nIdentityAgent none\nGlobalKnownHostsFile none\n{usual}"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it puts its helper; root's server insists
    programs = folder / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {_path("ssh")} -F {folder}/ssh_config "$@"\n')
    (programs / "ssh").chmod(0o755)
    server = subprocess.Popen(
        [_path("sshd"), "-D", "-e", "-f", str(folder / "sshd_config")],
        stderr=(folder / "log").open("w"),
    )
    try:
        _await(port, server, folder / "log")
        yield Server({"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}, server.pid)
    finally:
        server.terminate()
        server.wait()


def _path(name: str) -> str:
    return shutil.which(name, path=f"{os.environ['PATH']}:{_SBIN}") or ""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _await(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _SECONDS_TO_START
    while server.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the ssh server does not start: {log.read_text()}")
