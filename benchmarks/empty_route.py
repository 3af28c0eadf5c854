"""What the framework alone costs: a FastAPI route that does nothing, answering as many bytes as it is told."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI
from starlette.responses import Response

PATH = "/empty"


def create_app(size_bytes: int) -> FastAPI:
    """Build the application."""
    app = FastAPI(openapi_url=None)
    body = b" " * size_bytes

    @app.post(PATH)
    async def empty() -> Response:
        return Response(body, media_type="application/json")

    return app


if __name__ == "__main__":
    port, size = map(int, sys.argv[1:])
    uvicorn.run(create_app(size), port=port, log_config=None, access_log=False, server_header=False)
