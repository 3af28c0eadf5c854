"""What ``semblance index`` prints at its end."""

from __future__ import annotations

import sys

import typer

from indexer.ingest.request import IndexReport

_NAMED_AT_MOST = 20  # files named one by one before "and so on"


def tell(report: IndexReport) -> None:
    """Print what indexing did; what a person should look at goes to stderr."""
    for done, files in (("skipped", report.failed), ("read with a remark", report.remarks)):
        for path, reason in files[:_NAMED_AT_MOST]:
            _echo(f"{done} {path}: {reason}", err=True)
        if len(files) > _NAMED_AT_MOST:
            _echo(f"{done} {len(files) - _NAMED_AT_MOST:,} more files", err=True)
    for suffix, count in sorted(report.unsupported.items()):
        _echo(f"{count} {suffix} files are of a format that is not supported", err=True)
    for name, count in sorted(report.skipped.items()):
        _echo(f"{count} {name} folders were skipped", err=True)
    if report.excluded:
        _echo(f"{report.excluded} files and folders were excluded", err=True)
    if report.links:
        _echo(f"{report.links} symbolic links were not followed", err=True)
    for folder in report.away:
        _echo(
            f"{folder.place} holds {folder.present:,} of the {folder.held:,} images that it held, as if a drive were "
            "away: nothing of it was removed; --allow-removal removes what is not there",
            err=True,
        )
    if report.unmatched_captions:
        some = ", ".join(report.unmatched_captions[:3])
        _echo(f"{len(report.unmatched_captions)} names in captions fit no image, or several: {some}", err=True)
    state = "unchanged, nothing published" if report.generation is None else f"generation {report.generation}"
    rates = [
        f"{rate:,.0f} {things}/s"
        for rate, things in ((report.images_per_s, "images"), (report.captions_per_s, "captions"))
        if rate
    ]
    removed = f" ({report.captions_removed:,} removed)" if report.captions_removed else ""
    _echo(
        f"{report.collection}: {state}: {report.images:,} images ({report.added:,} encoded, {report.reused:,} reused, "
        f"{report.deleted:,} deleted, {report.duplicates:,} duplicates, {len(report.failed):,} failed), "
        f"{report.captions:,} captions{removed}; {report.seconds:.1f} s{''.join(f', {rate}' for rate in rates)}"
    )


def _echo(line: str, *, err: bool = False) -> None:
    """Print text that may hold file names in no encoding at all."""
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    typer.echo(line.encode(encoding, "backslashreplace").decode(encoding), err=err)
