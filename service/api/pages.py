"""The web page at ``/``, the interface's documentation at ``/docs``, and the files of both below ``/static``."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_SERVICE = Path(__file__).parent.parent
_PAGE = _SERVICE / "ui"
_DOCS = _SERVICE / "docs_page"
_ASK_AGAIN = {"Cache-Control": "no-cache"}  # cheap by its entity tag; after an upgrade no browser runs old scripts


class _Files(StaticFiles):
    def file_response(self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200) -> Response:  # fmt: skip  # noqa: E501
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_ASK_AGAIN)
        return response


def install_pages(app: FastAPI) -> None:
    """Serve the pages; they hold no inline script or style, and load nothing from other origins."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_PAGE / "index.html", headers=_ASK_AGAIN)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(_DOCS / "docs.html", headers=_ASK_AGAIN)

    app.mount("/static/docs", _Files(directory=_DOCS))
    app.mount("/static/swagger", _Files(packages=[("fastapi_swagger", "resources")]))
    app.mount("/static", _Files(directory=_PAGE))
