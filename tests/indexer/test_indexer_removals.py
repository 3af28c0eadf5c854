"""A drive that is away does not empty its part of a collection; what is gone can come back without being encoded."""

import shutil

import pytest
from toy_source import MemorySource

from indexer.ingest.removals import AwayFolder, away_folders
from indexer.sources.local_folders import LocalFolders

A, B, C, D = (bytes([number]) * 32 for number in range(4))


def files(folder: str, *hashes: bytes) -> dict[str, bytes]:
    return {f"{folder}/{number}.jpg": sha256 for number, sha256 in enumerate(hashes)}


def find(held: dict[str, bytes], now: dict[str, bytes], min_present: float = 0.5) -> list[tuple[str, int, int]]:
    source = LocalFolders(["/p", "/q"])
    away = away_folders(source, held, now, set(now.values()), min_present)
    return [(folder.place, folder.held, folder.present) for folder in away]


class TestFindingThem:
    """Which folders count as away."""

    def test_a_root_that_holds_none_is_away_and_the_other_is_not(self):
        assert find(files("/p", A, B) | files("/q", C), files("/q", C)) == [("/p", 2, 0)]

    def test_a_folder_directly_below_a_root_is_judged_for_itself(self):
        held = files("/p/x", A) | files("/p/y/deep", B, C, D) | files("/p/z", A, B, C, D)
        assert find(held, files("/p/z", A, B, C, D) | files("/p/y/deep", B, C)) == []  # x's A is in z: it was moved
        gone_of_y = files("/p/z", A, A, A, A) | files("/p/y/deep", B)
        assert find(held, gone_of_y) == [("/p/y", 3, 1)]

    def test_half_of_the_images_is_enough_and_less_is_not(self):
        held = files("/p", A, B, C, D)
        assert find(held, files("/p", A, B)) == []
        assert find(held, files("/p", A)) == [("/p", 4, 1)]
        assert find(held, files("/p", A, B, C), min_present=0.8) == [("/p", 4, 3)]
        assert find(held, files("/p", A), min_present=0) == []
        assert find(held, {}, min_present=0) == [("/p", 4, 0)]

    def test_a_folder_that_was_renamed_is_not_missed(self):
        assert find(files("/p/2024", A, B, C), files("/p/summer", A, B, C)) == []

    def test_new_images_in_place_of_the_old_ones_count(self):
        held, now = files("/p/x", A, B), {"/p/x/new.jpg": C}
        assert find(held, now) == []

    def test_places_of_another_storage_are_named_as_it_names_them(self):
        source = MemorySource(["memory://photos"], {})
        held = files("memory://photos/sub", A)
        expected = [AwayFolder("memory://photos", 1, 0), AwayFolder("memory://photos/sub", 1, 0)]
        assert away_folders(source, held, {}, set(), 0.5) == expected


class TestIndexing:
    """What a run does of them."""

    @pytest.fixture
    def two_drives(self, workshop):
        for name in ("a/red", "a/green", "b/blue", "b/yellow"):
            workshop.paint(f"{name}.png", name[2:])
        workshop.drives = [workshop.photos / "a", workshop.photos / "b"]
        workshop.index(*workshop.drives)
        return workshop

    def unplug(self, workshop):
        """Leave an empty mount point, and return what plugs the drive in again."""
        drive, elsewhere = workshop.drives[1], workshop.photos.parent / "unplugged"
        drive.rename(elsewhere)
        drive.mkdir()

        def plug_in():
            drive.rmdir()
            elsewhere.rename(drive)

        return plug_in

    def test_nothing_is_removed_of_a_drive_that_is_away(self, two_drives):
        plug_in = self.unplug(two_drives)
        report = two_drives.index(*two_drives.drives)
        assert (report.generation, report.images, report.deleted) == (None, 4, 0)
        assert report.away == (AwayFolder(str(two_drives.drives[1]), 2, 0),)
        plug_in()
        report = two_drives.index(*two_drives.drives)
        assert (report.generation, report.images, report.away) == (None, 4, ())

    def test_the_captions_of_a_drive_that_is_away_stay_as_they_were(self, two_drives):
        (two_drives.drives[1] / "blue.txt").write_text("the sea\nthe sky\n")
        assert two_drives.index(*two_drives.drives).captions == 2
        plug_in = self.unplug(two_drives)
        (two_drives.drives[0] / "red.txt").write_text("fire\n")
        report = two_drives.index(*two_drives.drives)
        assert (report.generation, report.captions, report.captions_removed) == (3, 3, 0)
        assert two_drives.captions()["blue.png"] == ("the sea", "the sky")
        plug_in()
        (two_drives.drives[1] / "blue.txt").unlink()
        report = two_drives.index(*two_drives.drives)
        assert (report.captions, report.captions_removed) == (1, 2)

    def test_a_drive_whose_mount_point_went_with_it_is_away_too(self, two_drives):
        away = two_drives.drives[1].rename(two_drives.photos.parent / "unplugged")
        (two_drives.drives[0] / "red.png").unlink()
        report = two_drives.index(*two_drives.drives)
        assert (report.images, report.deleted, report.failed) == (3, 1, ())
        assert report.away == (AwayFolder(str(two_drives.drives[1]), 2, 0),)
        away.rename(two_drives.drives[1])
        assert two_drives.index(*two_drives.drives).away == ()
        two_drives.drives[1].rename(away)
        report = two_drives.index(*two_drives.drives, allow_removal=True)
        assert (report.images, report.deleted, report.away) == (1, 2, ())
        with two_drives.open() as generation:
            assert generation.catalog.roots() == [str(two_drives.drives[0])]

    def test_a_single_file_that_was_named_and_is_gone_stays_until_a_person_says_so(self, workshop):
        files = [workshop.paint(f"{name}.png", name) for name in ("red", "green")]
        workshop.index(*files)
        files[0].unlink()
        report = workshop.index(*files)
        assert (report.images, report.away) == (2, (AwayFolder(str(files[0]), 1, 0),))
        assert workshop.index(*files, allow_removal=True).images == 1

    def test_what_is_deleted_elsewhere_goes_meanwhile(self, two_drives):
        self.unplug(two_drives)
        (two_drives.drives[0] / "red.png").unlink()
        report = two_drives.index(*two_drives.drives)
        assert (report.images, report.deleted, len(report.away)) == (3, 1, 1)
        assert two_drives.names() == ["green.png", "blue.png", "yellow.png"]

    def test_a_person_may_say_that_it_is_gone_for_good(self, two_drives):
        self.unplug(two_drives)
        report = two_drives.index(*two_drives.drives, allow_removal=True)
        assert (report.images, report.deleted, report.away) == (2, 2, ())

    def test_a_folder_that_is_no_longer_asked_for_goes_without_a_question(self, two_drives):
        report = two_drives.index(two_drives.drives[0])
        assert (report.images, report.deleted, report.away) == (2, 2, ())

    @pytest.mark.parametrize(("generations", "encoded"), [(0, 0), (2, 0), (3, 2)])
    def test_vectors_of_what_is_gone_are_kept_for_three_generations(self, two_drives, generations, encoded):
        plug_in = self.unplug(two_drives)
        two_drives.index(*two_drives.drives, allow_removal=True)
        for number in range(generations):
            two_drives.paint(f"a/{number}.png", (number, 1, 2))
            two_drives.index(*two_drives.drives)
        before = two_drives.encoder.images_encoded
        plug_in()
        report = two_drives.index(*two_drives.drives)
        assert two_drives.encoder.images_encoded - before == encoded
        assert report.images == 4 + generations

    def test_purging_drops_them_at_once_also_where_nothing_else_changed(self, two_drives):
        plug_in = self.unplug(two_drives)
        two_drives.index(*two_drives.drives, allow_removal=True)
        assert two_drives.index(*two_drives.drives, purge=True).generation is None
        before = two_drives.encoder.images_encoded
        plug_in()
        two_drives.index(*two_drives.drives)
        assert two_drives.encoder.images_encoded == before + 2

    def test_an_image_that_came_back_and_goes_again_is_kept_anew(self, two_drives):
        plug_in = self.unplug(two_drives)
        two_drives.index(*two_drives.drives, allow_removal=True)
        for number in range(2):
            two_drives.paint(f"a/{number}.png", (number, 1, 2))
            two_drives.index(*two_drives.drives)
        plug_in()
        two_drives.index(*two_drives.drives)
        shutil.rmtree(two_drives.drives[1])
        two_drives.drives[1].mkdir()
        two_drives.index(*two_drives.drives, allow_removal=True)
        before = two_drives.encoder.images_encoded
        for name in ("blue", "yellow"):
            two_drives.paint(f"b/{name}.png", name)
        two_drives.index(*two_drives.drives)
        assert two_drives.encoder.images_encoded == before
