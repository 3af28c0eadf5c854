"""Configures the log: JSON lines for the service, plain warnings for commands."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging() -> None:
    """Write one JSON object a line to standard output, for the web server's own warnings too."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(),
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
