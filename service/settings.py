"""The service's settings in one table, with unit, default and meaning; each is read from ``SEMBLANCE_<NAME>``."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from indexer.layout import data_folder
from models.errors import InputError
from models.imaging.limits import DecodeLimits
from models.inference.execution import Execution, available_cores
from service.logs import LogFormat
from service.search.grammar import QueryLimits
from service.security.access import Key, parse_keys
from service.security.bodies import BodyLimits
from service.security.prefix import is_prefix

_MOST_TEXT_STREAMS = 4
"""Two already encode more sentences than one process can answer."""


def _setting(default: Any, unit: str, description: str, *, beyond: str = "", **constraints: Any) -> Any:
    """Declare one row of the table; ``beyond`` says what becomes of a request that exceeds a limit."""
    return Field(default, description=description, json_schema_extra={"unit": unit, "beyond": beyond}, **constraints)


class SettingsError(InputError):
    """An environment variable has a value that its setting does not allow."""


class Settings(BaseSettings):
    """The service's configuration; immutable once read."""

    model_config = SettingsConfigDict(env_prefix="SEMBLANCE_", env_ignore_empty=True, extra="forbid", frozen=True)

    data_dir: Path = Field(
        default_factory=data_folder,
        description="folder that holds the indexed collections; unset: the user's own data folder",
        json_schema_extra={"unit": "path"},
    )
    cache_dir: Path | None = _setting(
        None, "path", "folder that keeps converted models; unset: the user's own cache folder"
    )
    catalog_url: SecretStr | None = _setting(
        None,
        "address",
        "PostgreSQL database of the catalogs, as postgresql://user:password@host/database; unset: SQLite",
    )
    catalog_timeout_s: float = _setting(5.0, "seconds", "to connect to that database, and for each look-up", gt=0)
    vectors_url: str | None = _setting(
        None,
        "address",
        "Milvus server of the vectors, such as http://host:19530; unset: FAISS in this process",
    )
    vectors_token: SecretStr | None = _setting(None, "text", "user:password or a key for that server")
    vectors_consistency: Literal["Strong", "Bounded", "Session", "Eventually"] = _setting(
        "Bounded", "name", "consistency level of its searches; a generation is complete before it is searched"
    )
    vectors_timeout_s: float = _setting(
        5.0, "seconds", "for one search there, reconnecting and asking again included", beyond="503", gt=0
    )
    vectors_build_timeout_s: float = _setting(3600.0, "seconds", "for each step of building an index there", gt=0)
    vectors_keep_s: float = _setting(
        600.0, "seconds", "that an index stays there when no generation names it any more, for those who read it", ge=0
    )
    storage_timeout_s: float = _setting(
        10.0, "seconds", "to connect to an object storage of photographs, and for each answer; asked three times", gt=0
    )
    default_collection: str | None = _setting(
        None, "name", "collection that answers when a request names none; not needed where there is only one"
    )
    host: str = _setting("127.0.0.1", "address", "address to listen on; beyond loopback, set api_keys too")
    port: int = _setting(8000, "port", "TCP port to listen on; 0 takes a free one", ge=0, le=65535)
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = _setting(
        (),
        "comma-separated",
        "name:role:secret, of which a request has to carry one secret; role is read or admin, read@one+two for these "
        "collections alone; without any the service is open to everybody",
    )
    key_requests_per_minute: int = _setting(
        0, "requests", "that each key may make, as many at once; 0: any number", beyond="429", ge=0
    )

    root_path: str = _setting(
        "", "path", "path of the service behind a proxy, such as /photographs; X-Forwarded-Prefix of a trusted one wins"
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = _setting(
        ("127.0.0.1",), "comma-separated", "addresses whose X-Forwarded- headers are believed"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "comma-separated", "origins whose pages may ask this service, such as https://shop.example; or *"
    )

    model: str | None = _setting(
        None, "name", "model that answers requests which name none; unset: each collection's first"
    )
    rerank: str = _setting("none", "name", "matcher that re-ranks where a request names none and it fits; or none")
    rerank_depth: int = _setting(50, "results", "how many of the best results a matcher re-ranks", ge=1, le=1000)
    captioner: str = _setting("show-and-tell", "name", "model that writes captions where a request names none")
    caption_beam_width: int = _setting(3, "sentences", "sentences followed at once to write a caption", ge=1, le=20)
    runtime: Literal["auto", "openvino", "torch"] = _setting("auto", "name", "what runs the encoders")
    device: str = _setting("auto", "name", "where models run: cpu, cuda, cuda:1, ...; auto takes a GPU if there is one")
    encoder_threads: int | None = _setting(None, "threads", "threads of one encoder; unset: one a core", ge=1)
    search_threads: int | None = _setting(
        None, "threads", "threads that search and read the catalog; unset: one a core", ge=1
    )
    file_threads: int = _setting(2, "threads", "threads that make thumbnails, and processes that decode for them", ge=1)
    decode_processes: int | None = _setting(
        None, "processes", "most processes that decode the images that are sent; unset: one a core", ge=1
    )

    max_body_bytes: int = _setting(
        20 * 2**20, "bytes", "largest image that is sent, or form with one", beyond="413", ge=1024
    )
    max_json_bytes: int = _setting(
        256 * 2**10, "bytes", "largest JSON body, where it carries an image beside the image", beyond="413", ge=1024
    )
    max_bodies: int = _setting(
        64,
        "requests",
        "bodies over 64 KB, or of unknown length, that arrive or wait for their answer",
        beyond="503",
        ge=1,
    )
    max_bodies_bytes: int = _setting(
        256 * 2**20, "bytes", "what has come of all of these together", beyond="503", ge=2**20
    )
    body_bytes_per_s: int = _setting(
        32 * 2**20,
        "bytes a second",
        "of all bodies together, but for the first 64 KB of each: faster ones would keep searches waiting",
        beyond="they are read more slowly",
        ge=2**16,
    )
    body_timeout_s: float = _setting(
        60.0,
        "seconds",
        "from a header to the end of its body, and time for a client to take an answer",
        beyond="408, or the connection is closed",
        gt=0,
    )
    max_header_bytes: int = _setting(
        32 * 2**10, "bytes", "largest header of a request, its address included", beyond="431", ge=1024
    )
    header_timeout_s: float = _setting(
        10.0, "seconds", "from a connection or the first byte of a request to the end of its header", beyond="408", gt=0
    )
    keep_alive_s: int = _setting(
        5, "seconds", "between two requests of a connection", beyond="the connection is closed", ge=1
    )
    max_connections: int = _setting(
        512, "connections", "open at the same time", beyond="the longest idle one is closed", ge=1
    )
    max_pixels: int = _setting(
        200_000_000, "pixels", "largest image, width times height, as its header tells", beyond="413", ge=1
    )
    max_progressive_pixels: int = _setting(
        120_000_000,
        "pixels",
        "largest JPEG in several scans: all its coefficients are held while it is decoded",
        beyond="413",
        ge=1,
    )
    max_side_px: int = _setting(65_535, "pixels", "longest side of an image", beyond="413", ge=1)
    max_scans: int = _setting(50, "scans", "most scans of a JPEG: each costs a pass over all of it", beyond="413", ge=1)
    max_decode_bytes: int = _setting(
        800_000_000, "bytes", "most memory that decoding an image may take, as its header tells", beyond="413", ge=1
    )
    max_decode_cpu_s: int = _setting(
        20, "seconds", "most seconds of a processor that decoding an image may take", beyond="413", ge=1
    )
    max_decode_s: int = _setting(60, "seconds", "most seconds that decoding an image may take", beyond="413", ge=1)
    max_query_chars: int = _setting(1000, "characters", "longest query sentence or modifier", beyond="422", ge=1)
    max_modifiers: int = _setting(8, "terms", "most modifiers of one query", beyond="422", ge=0, le=64)
    max_k: int = _setting(100, "results", "largest page of results", beyond="422", ge=1)
    max_offset: int = _setting(1000, "results", "deepest page: results passed over before it", beyond="422", ge=0)
    max_batch: int = _setting(32, "inputs", "most texts or images that one encoder call takes together", ge=1)
    max_image_batch: int = _setting(
        4, "images", "of these, most images: words wait for no more; a GPU is quicker with more", ge=1
    )
    max_wait_s: float = _setting(
        0.5, "seconds", "that a search may be expected to wait, by how quickly others are answered", beyond="503", gt=0
    )
    max_long_wait_s: float = _setting(
        1.5, "seconds", "the same for explanations, captions and thumbnails", beyond="503", gt=0
    )
    begin_within_s: float = _setting(
        5.0,
        "seconds",
        "from a request to the beginning of each part of its work, else it is dropped",
        beyond="503",
        gt=0,
    )
    max_searches: int = _setting(64, "requests", "searches without an upload running or waiting", beyond="503", ge=1)
    max_uploads: int = _setting(16, "requests", "searches by an upload running or waiting", beyond="503", ge=1)
    max_explanations: int = _setting(8, "requests", "explanations running or waiting", beyond="503", ge=1)
    max_captions: int = _setting(16, "requests", "captions being written or waiting", beyond="503", ge=1)
    max_thumbnails: int = _setting(64, "requests", "thumbnails being made or waiting", beyond="503", ge=1)
    retry_after_s: int = _setting(1, "seconds", "what Retry-After says with a 503", ge=1)

    thumbnail_side_px: int = _setting(480, "pixels", "longer side of a thumbnail", ge=16, le=2048)
    thumbnail_cache_bytes: int = _setting(64 * 2**20, "bytes", "memory for thumbnails", ge=0)
    overlay_side_px: int = _setting(640, "pixels", "longer side of an explanation's picture", ge=16, le=2048)
    explanation_cache_entries: int = _setting(64, "explanations", "explanations kept in memory", ge=0)

    allow_url_fetch: bool = _setting(False, "true or false", "let queries name an image by a public http(s) address")
    fetch_timeout_s: float = _setting(5.0, "seconds", "time for fetching one query image", beyond="422", gt=0)
    log_format: LogFormat = _setting(
        "auto", "name", "how the log is written: json, text, or auto: text where standard error is a terminal"
    )
    watch_s: float = _setting(
        2.0, "seconds", "between two looks for new generations and collections, which are then served; 0: never", ge=0
    )
    graceful_stop_s: int = _setting(
        20, "seconds", "time that running requests get when the service stops", beyond="the request is broken off", ge=0
    )

    @field_validator("data_dir")
    @classmethod
    def _make_absolute(cls, folder: Path) -> Path:
        return folder.absolute()

    @field_validator("root_path")
    @classmethod
    def _check_root_path(cls, path: str) -> str:
        path = path.rstrip("/")
        if path and not is_prefix(path):
            raise ValueError("must be a path such as /photographs")
        return path

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, texts: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        parse_keys([text.get_secret_value() for text in texts])
        return texts

    @field_validator("api_keys", "trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys, of which a request has to carry one."""
        return parse_keys([text.get_secret_value() for text in self.api_keys])

    @property
    def execution(self) -> Execution:
        """How models run."""
        return Execution(self.runtime, self.device, self.encoder_threads, self.text_streams)

    @property
    def text_streams(self) -> int:
        """How many batches of texts are encoded at one time."""
        return min(self.encoder_threads or available_cores(), _MOST_TEXT_STREAMS)

    @property
    def body_limits(self) -> BodyLimits:
        """The limits of what bodies may take."""
        return BodyLimits(self.max_body_bytes, self.max_json_bytes, self.max_bodies_bytes, self.body_timeout_s)

    @property
    def decode_limits(self) -> DecodeLimits:
        """What decoding one image may cost."""
        return DecodeLimits(**{field.name: getattr(self, field.name) for field in fields(DecodeLimits)})

    @property
    def query_limits(self) -> QueryLimits:
        """The limits of what a query may ask for."""
        return QueryLimits(self.max_query_chars, self.max_modifiers, self.max_k, self.max_offset)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; overrides that are not None take precedence.

    Raises:
        SettingsError: values are not allowed; the message, one line, names each variable.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        complaints = (f"{variable_of(str(e['loc'][0]))}: {e['msg']}" for e in error.errors(include_input=False))
        raise SettingsError("; ".join(complaints)) from None


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"SEMBLANCE_{name.upper()}"


def settings_table() -> str:
    """Return all settings as the Markdown page ``docs/settings.md``."""
    rows = [_row(name) for name in Settings.model_fields]
    return "\n".join(
        (
            "# Settings of the service",
            "",
            "Made by `python -m service.settings > docs/settings.md`.",
            "",
            "| variable | default | unit | meaning |",
            "|---|---|---|---|",
            *(f"| `{variable_of(name)}` | {default} | {unit} | {text} |" for name, default, unit, text, _ in rows),
        )
    )


def limits_table() -> str:
    """Return the settings that are limits as a Markdown table, with what becomes of a request that exceeds one."""
    rows = [_row(name) for name in Settings.model_fields]
    return "\n".join(
        (
            "| variable | default | unit | limits | beyond |",
            "|---|---|---|---|---|",
            *(
                f"| `{variable_of(name)}` | {default} | {unit} | {text} | {beyond} |"
                for name, default, unit, text, beyond in rows
                if beyond
            ),
        )
    )


def _row(name: str) -> tuple[str, str, str, str, str]:
    field = Settings.model_fields[name]
    value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    default = "" if value in (None, "", PydanticUndefined) else f"`{str(value).lower()}`"
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return name, default, str(extra["unit"]), field.description or "", str(extra.get("beyond", ""))


if __name__ == "__main__":
    print(settings_table())
