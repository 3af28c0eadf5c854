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
        """Load everything, then freeze it: the garbage collector need not look through models and libraries again."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; requests that are running then are answered first."""
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.graceful_stop_s,
    )
    with suppress(KeyboardInterrupt):  # uvicorn stops at Ctrl-C, then raises it again
        _Server(config).run()
