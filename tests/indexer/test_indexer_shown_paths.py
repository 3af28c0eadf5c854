"""Readers see paths below the folders that were indexed, and never one of the machine."""

import os

import pytest
from toy_source import MemorySource

from indexer.ingest.shown_paths import ShownPaths
from indexer.sources.local_folders import LocalFolders


@pytest.mark.parametrize(
    ("roots", "shown"),
    [
        (["/home/me/Photos"], {"/home/me/Photos/2024/a.jpg": "2024/a.jpg"}),
        (["/home/me/a.jpg"], {"/home/me/a.jpg": "a.jpg"}),
        (["/"], {"/home/a.jpg": "home/a.jpg"}),
        (["/home/x", "/mnt/y"], {"/home/x/a.jpg": "x/a.jpg", "/mnt/y/sub/a.jpg": "y/sub/a.jpg"}),
        (["/1/p", "/2/p", "/3/p"], {"/1/p/a.jpg": "p/a.jpg", "/2/p/a.jpg": "p-2/a.jpg", "/3/p/a.jpg": "p-3/a.jpg"}),
        (["/1/p-2", "/1/p", "/2/p"], {"/1/p-2/a": "p-2/a", "/1/p/a": "p/a", "/2/p/a": "p-3/a"}),
        (["/1/p", "/1/p/sub"], {"/1/p/sub/a.jpg": "p/sub/a.jpg"}),
        (["/1/p/sub", "/1/p"], {"/1/p/sub/a.jpg": "sub/a.jpg", "/1/p/b.jpg": "p/b.jpg"}),
        (["/1/p", "/2/b.jpg"], {"/1/p/a.jpg": "p/a.jpg", "/2/b.jpg": "b.jpg"}),
        (["/", "/mnt/y"], {"/home/a.jpg": "root/home/a.jpg"}),
    ],
)
def test_a_path_begins_below_its_folder_or_with_the_folder_s_label(roots, shown):
    paths = ShownPaths(LocalFolders(roots))
    assert {key: paths(key) for key in shown} == shown


def test_another_storage_has_the_same_paths():
    paths = ShownPaths(MemorySource(["memory://photos", "memory://more"], {}))
    assert paths("memory://photos/sub/a.png") == "photos/sub/a.png"


def test_names_in_no_encoding_become_text():
    assert ShownPaths(LocalFolders(["/p"]))(os.fsdecode(b"/p/caf\xe9/a.jpg")) == "caf?/a.jpg"
