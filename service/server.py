"""Runs the application under uvicorn."""

from __future__ import annotations

import gc
import socket
from contextlib import suppress

import uvicorn

from service.app import create_app
from service.settings import Settings


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load everything, then take it out of the garbage collector's rounds: models and libraries stay for good."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()


def run(settings: Settings) -> None:
    """Serve until told to stop; requests in flight are answered first."""
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.graceful_stop_s,
    )
    with suppress(KeyboardInterrupt):  # Ctrl-C, handled and then raised again
        _Server(config).run()
