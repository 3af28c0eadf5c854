"""Configures the log: for the service JSON lines or, for a person at a terminal, plain ones; warnings for commands."""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO, cast

import structlog
from structlog.typing import Processor

from service.lossy_stream import LossyStream

LogFormat = Literal["auto", "json", "text"]


# Plainly: what structlog takes if it is installed draws every frame with its variables, in seconds of the event loop.
_CONSOLE = structlog.dev.ConsoleRenderer(pad_event_to=0, exception_formatter=structlog.dev.plain_traceback)


def configure_logging(log_format: LogFormat = "auto") -> None:
    """Configure the service's log, for the web server's own warnings too.

    Args:
        log_format: ``json`` writes one object a line to standard output, ``text`` lines for people to standard error;
            ``auto`` is ``text`` where standard error is a terminal.
    """
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr is not None and sys.stderr.isatty())
    rendering: list[Processor] = (
        [structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False), _CONSOLE]
        if as_text
        else [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    structlog.configure(
        processors=[structlog.processors.add_log_level, *rendering],
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, LossyStream(sys.stderr if as_text else sys.stdout))),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_ToStructlog()], force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)  # among others: where it listens


def configure_quiet_logging() -> None:
    """Write warnings only, for people, to standard error: standard output is for a command's answer."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class _ToStructlog(logging.Handler):
    """Passes records of the standard library's logging on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or False
        )
