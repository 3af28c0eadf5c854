"""Builds the FastAPI application from the settings and a library of models."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware

from models.imaging.byte_budget import ByteBudget
from models.imaging.decode_pool import DecoderPool
from models.inference.cache_folder import cache_folder
from models.inference.execution import available_cores
from models.library import InstalledModels
from models.protocols import ModelLibrary
from models.text.spelling import load_spelling
from service.api import collections, explain, images, operations, search
from service.api.description import describe
from service.api.early_refusal import EarlyRefusal
from service.api.pages import install_pages
from service.api.state import State
from service.errors import install_error_handlers
from service.methods import Methods
from service.observability import Metrics, Observe
from service.security.access import is_bare, is_visible
from service.security.bodies import Bodies
from service.security.headers import SecurityHeaders
from service.security.keys import KeyGuard
from service.serving.admission import Admission, Bounds
from service.serving.captions import Captions
from service.serving.encoder import Encoders
from service.serving.explain_process import ExplainProcess
from service.serving.explanations import Explanations
from service.serving.generations import Generations
from service.serving.matchers import Matchers
from service.serving.queries import Queries
from service.serving.spelling import QuerySpelling
from service.serving.thumbnails import Thumbnails
from service.settings import Settings

log = structlog.get_logger()

_NICENESS = 19
"""Of decoding processes: searches by words do not wait for the processors that images take."""


def create_app(
    settings: Settings, library: ModelLibrary | None = None, on_loaded: Callable[[], None] = lambda: None
) -> FastAPI:
    """Build the application. It answers as soon as it has started; collections and models are loaded meanwhile.

    Args:
        settings: see ``docs/settings.md``.
        library: loads the models; by default those that are installed.
        on_loaded: called when all collections are loaded.
    """
    process = None
    if library is None:
        make = partial(
            InstalledModels, settings.execution, cache_folder(settings.cache_dir), data_dir=settings.data_dir
        )
        library = make()
        process = ExplainProcess(make, library.runs_in_caller)
    metrics = Metrics()
    bounds = _bounds(settings, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        _warn_of_keys(settings)
        with _running(settings, metrics, library, process, bounds) as state:
            app.state.parts = state
            loading = asyncio.create_task(run_in_threadpool(_load, state, on_loaded))
            watching = asyncio.create_task(_watch(state, loading))
            yield
            watching.cancel()
            await asyncio.wait([loading, watching])  # a model that is half loaded cannot be let go

    app = FastAPI(
        title="Semblance",
        version=version("semblance"),
        summary="Image search by meaning.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    for part in (search, explain, collections, images, operations):
        app.include_router(part.router)
    install_pages(app)
    install_error_handlers(app, settings.retry_after_s)
    # the last one added is the outermost
    app.add_middleware(
        Bodies, limits=settings.body_limits, place=Admission("bodies", settings.max_bodies, metrics.count_refusal).admit
    )
    app.add_middleware(EarlyRefusal, bounds=bounds)
    if settings.api_keys:
        app.add_middleware(KeyGuard, keys=settings.keys, per_minute=settings.key_requests_per_minute)
    app.add_middleware(Methods, paths=lambda: app.openapi()["paths"])
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["ETag", "Retry-After", "X-Request-ID"],
        )
    app.add_middleware(SecurityHeaders, cross_origin=bool(settings.cors_origins))
    app.add_middleware(Observe, metrics=metrics, retry_after_s=settings.retry_after_s)
    app.openapi = partial(describe, app, settings.query_limits, keys_are_set=bool(settings.api_keys))  # type: ignore[method-assign]
    return app


async def _watch(state: State, loading: asyncio.Task[None]) -> None:
    """Serve what is published while the service runs."""
    await asyncio.wait([loading])
    while state.settings.watch_s:
        await asyncio.sleep(state.settings.watch_s)
        await asyncio.shield(run_in_threadpool(state.generations.refresh))


def _bounds(settings: Settings, metrics: Metrics) -> Bounds:
    def bound(name: str, limit: int, max_wait_s: float) -> Admission:
        return Admission(
            name, limit, metrics.count_refusal, max_wait_s=max_wait_s, begin_within_s=settings.begin_within_s
        )

    return Bounds(
        searches=bound("searches", settings.max_searches, settings.max_wait_s),
        uploads=bound("uploads", settings.max_uploads, settings.max_wait_s),
        explanations=bound("explanations", settings.max_explanations, settings.max_long_wait_s),
        captions=bound("captions", settings.max_captions, settings.max_long_wait_s),
        thumbnails=bound("thumbnails", settings.max_thumbnails, settings.max_long_wait_s),
    )


def _load(state: State, on_loaded: Callable[[], None]) -> None:
    """Load all collections; whatever goes wrong is logged, and ``/readyz`` tells that the service is not ready."""
    try:
        state.generations.load_all()
    except Exception as error:  # nobody waits for this thread's result
        log.exception("collections not loaded", error=f"{type(error).__name__}: {error}")
        return
    on_loaded()


@contextmanager
def _running(
    settings: Settings, metrics: Metrics, library: ModelLibrary, process: ExplainProcess | None, bounds: Bounds
) -> Iterator[State]:
    """Build the parts, and close them in reverse order: each is closed before the parts that it uses."""
    limits = settings.decode_limits
    memory = ByteBudget(limits.max_decode_bytes)

    def decoder(processes: int) -> DecoderPool:
        return DecoderPool(processes, limits, budget=memory, niceness=_NICENESS)

    with ExitStack() as stack:
        # Apart, so that uploads that take long keep no thumbnail waiting.
        uploads = stack.enter_context(decoder(settings.decode_processes or available_cores()))
        originals = stack.enter_context(decoder(settings.file_threads))
        threads = stack.enter_context(ThreadPoolExecutor(settings.search_threads or available_cores(), "search"))
        encoders = Encoders(
            library,
            max_batch=settings.max_batch,
            max_images=settings.max_image_batch,
            text_threads=settings.text_streams,
            finishing=threads,
            on_batch=metrics.count_batch,
        )
        stack.callback(encoders.close)
        generations = Generations(
            settings.data_dir,
            encoders.get,
            Matchers(library, at_once=settings.rerank),
            model=settings.model,
            default=settings.default_collection,
            is_visible=is_visible,
        )
        stack.callback(generations.close)
        metrics.show_collections(generations.sizes)
        explanations = Explanations(
            library,
            process,
            decoder=originals,
            overlay_side_px=settings.overlay_side_px,
            kept=settings.explanation_cache_entries,
        )
        stack.callback(explanations.close)
        captions = Captions(
            library,
            default=settings.captioner,
            admission=bounds.captions,
            beam_width=settings.caption_beam_width,
            decoder=originals,
        )
        stack.callback(captions.close)
        queries = Queries(
            generations,
            explanations,
            captions,
            bounds,
            threads=threads,
            decoder=uploads,
            rerank=settings.rerank,
            rerank_depth=settings.rerank_depth,
        )
        thumbnails = Thumbnails(
            bounds.thumbnails,
            threads=settings.file_threads,
            side_px=settings.thumbnail_side_px,
            decoder=originals,
            cache_bytes=settings.thumbnail_cache_bytes,
        )
        stack.callback(thumbnails.close)
        spelling = QuerySpelling(load_spelling(), generations, threads)
        yield State(settings, metrics, generations, queries, spelling, explanations, thumbnails)


def _warn_of_keys(settings: Settings) -> None:
    if any(is_bare(key.get_secret_value()) for key in settings.api_keys):
        log.warning("A key without a name and a role may do everything: write SEMBLANCE_API_KEYS=name:role:secret.")
    if settings.api_keys or _is_loopback(settings.host):
        return
    log.warning(
        f"ANYBODY WHO REACHES {settings.host}:{settings.port} CAN SEARCH AND SEE THESE PHOTOGRAPHS: the service "
        "listens beyond this machine and no key is set. Set SEMBLANCE_API_KEYS, or listen on 127.0.0.1."
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
