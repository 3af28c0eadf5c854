"""Runs the application under uvicorn."""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import structlog

from models.errors import InputError
from service.settings import Settings, variable_of

if TYPE_CHECKING:
    import uvicorn

try:
    import resource
except ImportError:  # Windows, where descriptors are not so few
    resource = None  # type: ignore[assignment]

log = structlog.get_logger()

_ACCEPTED_AT_ONCE = 32
"""Connections in one turn of the event loop."""
_SWITCH_S = 0.0005
"""How long a thread that computes keeps the event loop's waiting: with Python's own 5 ms each turn of the loop took as
long where all cores were busy, and a refusal took ten times as long."""

_OWN_DESCRIPTORS = 512
"""For the index, the catalog, photographs, and connections that are accepted before others are closed."""


class AddressInUseError(InputError):
    """The service cannot listen where it should."""


def listen(settings: Settings) -> socket.socket:
    """Bind the service's port: what comes meanwhile waits, and is answered when the application has started.

    Raises:
        AddressInUseError: the address is in use, is not one of this machine, or may not be used.
    """
    family, kind, protocol, _, address = _resolve(settings)
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise AddressInUseError(
            f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}; choose another with --port or "
            f"{variable_of('port')}"
        ) from None
    listening.listen(2048)
    return listening


def run(settings: Settings, listening: socket.socket, on_ready: Callable[[str], object] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; requests that are running then are answered first.

    Args:
        settings: of the service.
        listening: the bound socket.
        on_ready: given the service's address when everything is loaded.
    """
    from service.app import create_app

    host, port = listening.getsockname()[:2]
    log.info("starting", address=_address(host, port))

    def ready() -> None:
        # what is loaded stays for good: the garbage collector need not look through it again
        gc.collect()
        gc.freeze()
        log.info("ready", address=_address(host, port))
        if on_ready is not None:
            on_ready(_address(host, port))

    sys.setswitchinterval(_SWITCH_S)
    app = behind_proxies(create_app(settings, on_loaded=ready), settings)
    allow_descriptors(settings.max_connections)
    with suppress(KeyboardInterrupt):  # uvicorn stops at Ctrl-C, then raises it again
        web_server(app, settings).run(acceptors(listening))


def acceptors(listening: socket.socket) -> list[socket.socket]:
    """Return the socket and duplicates of it.

    uvloop accepts one connection a turn of each socket that it listens at, and the turns of a busy loop are long:
    clients that connect anew would wait for seconds behind those that are connected.
    """
    return [listening, *(listening.dup() for _ in range(_ACCEPTED_AT_ONCE - 1))]


def web_server(app: Any, settings: Settings) -> uvicorn.Server:
    """Return the server of an ASGI application, with the settings' limits of connections."""
    import uvicorn

    from service.connections import ConnectionLimits, Connections

    limits = ConnectionLimits(
        settings.max_connections,
        settings.max_header_bytes,
        settings.header_timeout_s,
        settings.body_timeout_s,
        settings.body_bytes_per_s,
    )
    config = uvicorn.Config(
        app,
        http=cast(Any, Connections(limits).protocol),
        ws="none",
        proxy_headers=False,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.graceful_stop_s,
    )
    return uvicorn.Server(config)


def allow_descriptors(connections: int) -> None:
    """Let the process have as many descriptors as its connections and files need, or warn that it may not."""
    if resource is None:
        return
    needed = connections + _OWN_DESCRIPTORS
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed >= needed or allowed == resource.RLIM_INFINITY:
        return
    possible = needed if most == resource.RLIM_INFINITY else min(needed, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (possible, most))
    if possible < needed:
        log.warning(
            f"The system allows {possible} descriptors, and {connections} connections need {needed}: raise its limit "
            f"(ulimit -n), or lower {variable_of('max_connections')}."
        )


def behind_proxies(app: Any, settings: Settings) -> Any:
    """Return the ASGI application that believes what trusted proxies tell of the client and of the path before it."""
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    from service.security.prefix import ForwardedPrefix

    inner: Any = ProxyHeadersMiddleware(app, list(settings.trusted_proxies))
    return ForwardedPrefix(inner, settings.trusted_proxies, settings.root_path)


def _resolve(settings: Settings) -> tuple[int, int, int, str, tuple[object, ...]]:
    try:
        return socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise AddressInUseError(
            f"{settings.host!r} is no address of this machine ({error.strerror}); see --host and {variable_of('host')}"
        ) from None


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
