"""Pictures asked for by their bare names."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_encoder import ToyEncoder

from lab.evaluation.names import bare_name, evaluate_names, named_files
from models.errors import InputError
from models.library import InstalledModels


def _picture(folder: Path, name: str, colour: tuple[int, int, int]) -> None:
    Image.fromarray(np.full((8, 8, 3), colour, np.uint8)).save(folder / name)


def test_a_file_is_called_what_its_name_says_without_digits_and_signs() -> None:
    assert bare_name(Path("red_panda-2.webp")) == "red panda"
    assert bare_name(Path("IMG_0001.jpg")) == "IMG"


def test_each_picture_is_ranked_among_all_by_its_name(tmp_path: Path) -> None:
    _picture(tmp_path, "red.png", (255, 0, 0))
    _picture(tmp_path, "green.png", (0, 255, 0))
    _picture(tmp_path, "blue_1.png", (0, 255, 20))  # its name is wrong: green and this are asked for as one another
    (tmp_path / "001.png").write_bytes(b"no name, hence never read")
    files = named_files(tmp_path)
    assert [file.name for file in files] == ["blue_1.png", "green.png", "red.png"]
    figures = evaluate_names(ToyEncoder(), files)
    assert figures["pictures"] == 3
    assert figures["top_1"] == 1.0  # the bluest of the three is the one called blue
    assert figures["missed"] == []


def test_what_is_not_among_the_first_three_is_named_with_its_rank(tmp_path: Path) -> None:
    _picture(tmp_path, "blue.png", (20, 0, 235))
    for number, shade in enumerate((250, 240)):
        _picture(tmp_path, f"green_{number}.png", (255 - shade, shade, 0))
    _picture(tmp_path, "red.png", (0, 255, 0))
    figures = evaluate_names(ToyEncoder(), named_files(tmp_path))
    assert figures["missed"] == ["red (4)"]
    assert figures["top_3"] == 0.75


def test_a_calibrated_model_also_tells_how_many_are_said_to_match_nothing() -> None:
    photographs = Path(__file__).parents[2] / "demo" / "photographs"
    files = [photographs / f"{name}.jpg" for name in ("giant-panda", "toucan", "mont-saint-michel")]
    figures = evaluate_names(InstalledModels().encoder("semblance-base"), files)
    assert figures["top_1"] == 1
    assert figures["told"] == figures["told_first"] == pytest.approx(1 / 3)  # it does not know the place


def test_a_folder_without_named_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image"):
        named_files(tmp_path)
