"""A Dask cluster that somebody else has started: the extra it needs, and the way to it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_unet.core.io.optional import needed
from napari_unet.errors import SchedulerUnavailable, reason_of

if TYPE_CHECKING:
    from distributed import Client

_SECONDS = 5.0


@contextmanager
def connected(address: str, *, seconds: float = _SECONDS) -> Iterator[Client]:
    """Give a client of a Dask scheduler, and close it afterwards.

    The address is ``HOST:PORT`` or ``tcp://HOST:PORT``; ``SchedulerUnavailable`` if none answers in
    time, or the package is missing.
    """
    distributed = needed("distributed", "cluster", "a Dask cluster")
    try:
        _ask_who(address, seconds)
        client = distributed.Client(address, timeout=seconds, set_as_default=False)
    except Exception as error:  # what listens there may be anything
        raise SchedulerUnavailable(
            f"no Dask scheduler answers at {address} ({_why(error, seconds)}); start one with "
            "`dask scheduler`, or check the address."
        ) from None
    log = logging.getLogger("distributed.client")
    before = log.level
    log.setLevel(logging.CRITICAL)  # what goes wrong is said in the report
    try:
        yield client
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.close(timeout=seconds)
        log.setLevel(before)


def _ask_who(address: str, seconds: float) -> None:
    """Raise an error of some kind if no scheduler answers.

    A client that gets no answer tries for as long as it may, and again when it is thrown away.
    """
    distributed = needed("distributed", "cluster", "a Dask cluster")
    host, port = distributed.comm.get_address_host_port(address)
    socket.create_connection((host, port), seconds).close()

    async def ask() -> None:
        arguments = distributed.Security().get_connection_args("client")
        async with distributed.rpc(address, timeout=seconds, connection_args=arguments) as there:
            await asyncio.wait_for(there.identity(), seconds)

    asyncio.run(ask())


def _why(error: Exception, seconds: float) -> str:
    """Return in a few words why there is no connection."""
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(error, MemoryError):  # somebody's words were taken for the length of an answer
        return "something else listens there"
    return getattr(error, "strerror", None) or reason_of(error)
