"""A file that failed is tried again when what made it fail may have changed, and at no other time."""

import pytest
from toy_indexing import index_with

from indexer.catalog.base import SeenFile
from indexer.ingest import failures
from indexer.ingest.failures import failure_of, may_succeed, too_many_bytes
from indexer.ingest.request import IndexRequest
from models.errors import DecodeResourceError, ImageError, ImageTooLargeError, UnsupportedImageError
from models.imaging.decode import InProcessDecoder
from models.imaging.limits import DecodeLimits

LIMITS, OTHERS = DecodeLimits(), DecodeLimits(max_scans=9)
ERRORS = {
    "damaged": ImageError("cut off"),
    "format": UnsupportedImageError("HEIC needs the extra"),
    "limit": ImageTooLargeError("too large"),
    "resource": DecodeResourceError("no memory"),
}


def seen(kind: str) -> SeenFile:
    failure = failure_of(ERRORS[kind], LIMITS)
    assert (failure.kind, failure.reason) == (kind, str(ERRORS[kind]))
    return SeenFile("/a", 1, 2, None, failure.reason, failure.kind, failure.decoder)


@pytest.mark.parametrize("kind", ERRORS)
def test_only_a_cause_that_may_have_passed_is_tried_again_where_nothing_changed(kind):
    assert may_succeed(seen(kind), LIMITS) == (kind == "resource")


@pytest.mark.parametrize("kind", ERRORS)
def test_other_limits_are_a_reason_for_what_was_beyond_them(kind):
    assert may_succeed(seen(kind), OTHERS) == (kind in ("resource", "limit"))
    failure = too_many_bytes(2**40, LIMITS)
    assert failure.kind == "limit"


@pytest.mark.parametrize("kind", ERRORS)
def test_other_decoders_are_a_reason_for_all(kind, monkeypatch):
    before = seen(kind)
    monkeypatch.setattr(failures, "decoders", lambda: "semblance 1, pillow 99, pillow-heif 1.0")
    assert may_succeed(before, LIMITS)


def test_what_an_earlier_version_noted_is_tried_again():
    assert may_succeed(SeenFile("/a", 1, 2, None, "cut off"), LIMITS)


class OfOneMind(InProcessDecoder):
    """Notes how many images it was given, and fails as it is told."""

    def __init__(self, error: ImageError | None = None, limits: DecodeLimits = LIMITS) -> None:
        super().__init__(limits)
        self.error, self.asked = error, 0

    def decode(self, content, *, shrink_to=None):
        self.asked += 1
        if self.error and len(content) > 80:
            raise self.error
        return super().decode(content, shrink_to=shrink_to)


def run(workshop, decoder: OfOneMind):
    request = IndexRequest(workshop.data_dir, "toy", (workshop.photos,))
    return index_with(request, [workshop.encoder], decoder=decoder)


def test_a_run_without_memory_is_made_good_by_the_next(workshop):
    workshop.paint("small.png", "red", size=(2, 2))
    workshop.paint("large.png", (9, 8, 7), size=(40, 30)).write_bytes(
        (workshop.photos / "large.png").read_bytes() + bytes(99)
    )
    report = run(workshop, OfOneMind(ERRORS["resource"]))
    assert (report.images, [reason for _, reason in report.failed]) == (1, ["no memory"])
    again = OfOneMind()
    report = run(workshop, again)
    assert (report.images, report.failed, again.asked) == (2, (), 1)


def test_a_file_beyond_a_limit_is_read_again_when_the_limit_is_another(workshop):
    workshop.paint("small.png", "red", size=(2, 2))
    workshop.paint("large.png", "blue", size=(40, 30))
    tight, wide = DecodeLimits(max_pixels=1000), DecodeLimits(max_pixels=1200)
    assert "the limit is 1,000 (SEMBLANCE_MAX_PIXELS)" in run(workshop, OfOneMind(limits=tight)).failed[0][1]
    same = OfOneMind(limits=tight)
    report = run(workshop, same)
    assert (len(report.failed), same.asked) == (1, 0)
    assert run(workshop, OfOneMind(limits=wide)).images == 2


def test_a_missing_extra_is_noticed_when_it_comes(workshop, monkeypatch):
    workshop.paint("small.png", "red", size=(2, 2))
    (workshop.photos / "phone.jpg").write_bytes(b"\0\0\0\x18ftypjxl \0\0\0\0")
    assert len(run(workshop, OfOneMind()).failed) == 1
    assert run(workshop, without := OfOneMind()).images_per_s is None
    assert without.asked == 0
    monkeypatch.setattr(failures, "decoders", lambda: "semblance 1, pillow 99, another 1.0")
    workshop.paint("phone.png", "blue").rename(workshop.photos / "kept.png")
    run(workshop, extra := OfOneMind())
    assert extra.asked == 2  # the new file and the one that had failed
