"""The first step: decides what a run has to do, from what it finds and what it has seen before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.catalog.base import CatalogWriter, SeenFile
from indexer.errors import CaptionFileError, EmptyCollectionError, SourceError
from indexer.ingest.captions import NamedCaption, read_caption_file
from indexer.ingest.encoded_vectors import EncodedVectors
from indexer.ingest.failures import may_succeed
from indexer.ingest.request import IndexRequest
from indexer.ingest.scan import Scan, scan
from indexer.sources.base import FoundFile, ListingOptions, PhotoSource
from indexer.sources.opening import as_root, photo_source
from models.imaging.formats import DECODER_REVISION
from models.imaging.limits import DecodeLimits


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

    Attributes:
        source: where the photographs are.
        options: what is listed of it.
        caption_files: paths of the caption files.
        captions: what they hold.
        found: what the source holds now.
        revisions: of the decoder that read it, by the SHA-256 of each image that the catalog has.
        held: SHA-256 of the image, by the key of each file that held one at the last run.
        to_read: the files to read, in order.
        gone: keys of files seen before that are there no longer.
        allow_removal: they are deleted, and none of them on a drive that is away.
        min_present: see ``removals.away_folders``.
    """

    source: PhotoSource
    options: ListingOptions
    caption_files: tuple[str, ...]
    captions: tuple[NamedCaption, ...]
    found: Scan
    revisions: Mapping[bytes, int]
    held: Mapping[str, bytes]
    to_read: tuple[FoundFile, ...]
    gone: frozenset[str]
    allow_removal: bool
    min_present: float


def make_plan(request: IndexRequest, catalog: CatalogWriter, vectors: EncodedVectors, limits: DecodeLimits) -> Plan:
    """Look at the source, at the caption files and at what is known; nothing is changed.

    Args:
        request: what to index.
        catalog: knows what was seen before.
        vectors: tell which models lack an image.
        limits: of decoding; what was beyond others is tried again.

    Raises:
        SourceError: a place to index does not exist (any more), or they are of several storages or an unknown one.
        CaptionFileError: a caption file cannot be read.
        EmptyCollectionError: there is no image.
    """
    roots, caption_files = _places(request, catalog)
    seen = catalog.seen_files()
    source = _without_missing(photo_source(roots), seen, request)
    captions = tuple(caption for path in caption_files for caption in _read_captions(path, request))
    options = _options(request, catalog)
    found, revisions = scan(source, options), catalog.revisions()
    hidden = _hidden(seen, found, source)
    if not found.files and not hidden:
        raise _nothing_to_index(roots, found, had_images=any(file.sha256 for file in seen.values()))
    return Plan(
        source=source,
        options=options,
        caption_files=tuple(caption_files),
        captions=captions,
        found=found,
        revisions=revisions,
        held={key: file.sha256 for key, file in seen.items() if file.sha256},
        to_read=tuple(_files_to_read(found.files.values(), seen, revisions, vectors, limits)),
        gone=frozenset(seen.keys() - found.files.keys() - hidden),
        allow_removal=request.allow_removal,
        min_present=request.min_present,
    )


def _places(request: IndexRequest, catalog: CatalogWriter) -> tuple[list[str], list[str]]:
    """Return the roots and the caption files of this run, each once; what extends the last run begins with its.

    Caption files of the last run stay where none is named: a run that only brings new photographs must not lose them.

    Raises:
        SourceError: no place is named, and none is known of a run before.
    """
    roots, caption_files = catalog.sources()
    if not request.add:
        roots, caption_files = [], [] if request.captions else caption_files
    if request.drop_captions:
        caption_files = []
    roots += [as_root(path) for path in request.paths]
    if not roots:
        raise SourceError(
            f"no run of {request.collection!r} has finished yet, so its folders are not known: name them, "
            f"semblance index FOLDER --collection {request.collection}"
        )
    caption_files += [str(request.captions.resolve())] if request.captions else []
    return list(dict.fromkeys(roots)), list(dict.fromkeys(caption_files))


def _without_missing(source: PhotoSource, seen: Mapping[str, SeenFile], request: IndexRequest) -> PhotoSource:
    """Return the source without the roots that are gone for good; what a missing root held may be on a drive.

    Raises:
        SourceError: a root does not exist, and held no image before.
    """
    missing = source.missing_roots()
    for root in missing:
        if not any(file.sha256 and source.is_below(key, root) for key, file in seen.items()):
            hint = " any more; index again without --add, naming the folders there are" if request.add else ""
            raise SourceError(f"{root} does not exist{hint}")
    if not missing or not request.allow_removal:
        return source
    return photo_source([root for root in source.roots if root not in missing])


def _options(request: IndexRequest, catalog: CatalogWriter) -> ListingOptions:
    """Return what is listed in this run; patterns stay, are replaced or extended as caption files are."""
    last = catalog.listing_options()
    stay = () if request.drop_excludes or (request.exclude and not request.add) else last.exclude
    return ListingOptions(
        exclude=tuple(dict.fromkeys((*stay, *request.exclude))),
        follow_links=last.follow_links if request.follow_links is None else request.follow_links,
    )


def _read_captions(path: str, request: IndexRequest) -> list[NamedCaption]:
    try:
        return read_caption_file(Path(path))
    except CaptionFileError:
        named = request.captions is not None and path == str(request.captions.resolve())
        if named or Path(path).exists():
            raise
        raise SourceError(
            f"{path}, the captions of an earlier run, does not exist any more: name those there are, or --captions none"
        ) from None


def _files_to_read(
    found: Iterable[FoundFile],
    seen: Mapping[str, SeenFile],
    revisions: Mapping[bytes, int],
    vectors: EncodedVectors,
    limits: DecodeLimits,
) -> Iterator[FoundFile]:
    """Yield the files that are to be read: all that ``_is_due``, and one file of each image that a model lacks."""
    asked: set[bytes] = set()
    for file in found:
        before = seen.get(file.key)
        if before is None or _is_due(file, before, revisions, limits):
            yield file
        elif before.sha256 and before.sha256 not in asked and vectors.lacking("image", before.sha256):
            asked.add(before.sha256)
            yield file


def _is_due(file: FoundFile, before: SeenFile, revisions: Mapping[bytes, int], limits: DecodeLimits) -> bool:
    """Tell whether a file has changed, or is worth another try, or was read by an earlier decoder."""
    if (before.size, before.mtime_ns) != (file.size, file.mtime_ns):
        return True
    if before.sha256 is None:
        return may_succeed(before, limits)
    return revisions[before.sha256] < DECODER_REVISION


def _hidden(seen: Iterable[str], found: Scan, source: PhotoSource) -> set[str]:
    """Return the files seen before that may still be there, in a place that cannot be looked into at the moment."""
    closed = [place for place, _ in found.unreadable]
    return {key for key in (seen if closed else ()) if any(source.is_below(key, place) for place in closed)}


def _nothing_to_index(roots: Sequence[str], found: Scan, *, had_images: bool) -> EmptyCollectionError:
    """Return the error that says what was passed by where no image was found, and that nothing was removed."""
    remarks = [f"{count} {suffix} not supported" for suffix, count in sorted(found.unsupported.items())]
    remarks += [f"{count} {name} folders skipped" for name, count in sorted(found.skipped.items())]
    remarks += [f"{found.excluded} files and folders excluded"] if found.excluded else []
    remarks += [f"{found.links} symbolic links not followed"] if found.links else []
    remarks += [f"{place}: {reason}" for place, reason in found.unreadable[:3]]
    remarks += [f"{place} {reason}" for place, reason in found.odd[:3]]
    told = f" ({'; '.join(remarks)})" if remarks else ""
    kept = "; the collection stays as it was: is a drive away?" if had_images else ""
    return EmptyCollectionError(f"no image found in {', '.join(roots)}{told}{kept}")
