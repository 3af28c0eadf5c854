"""The command line: instant help, one-line errors, searching without a server, serving until it is told to stop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
import typer
from colour_collection import png
from toy_encoder import CALIBRATION, ToyEncoder
from toy_library import ToyLibrary
from typer.testing import CliRunner

import service.offline
import service.server
from service.cli import app

HEAVY = ("torch", "faiss", "fastapi", "transformers", "openvino", "sqlalchemy", "PIL", "uvicorn", "numpy")


@pytest.fixture(autouse=True)
def toy_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands load the toy model by its name."""
    monkeypatch.setattr(service.offline, "InstalledModels", lambda *_arguments, **_options: ToyLibrary())


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_help_imports_nothing_heavy_and_names_every_command() -> None:
    program = f"""
import sys
from typer.testing import CliRunner
from service.cli import app
result = CliRunner().invoke(app, ["--help"])
assert result.exit_code == 0
print(result.output)
print("HEAVY", [name for name in {HEAVY!r} if name in sys.modules])
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "HEAVY []" in output
    for command in ("serve", "search", "explain", "index", "verify", "collections", "models", "train", "evaluate"):
        assert f" {command} " in output


def test_a_search_prints_ranked_paths(data_dir: Path, pictures: Path) -> None:
    code, output, errors = run("search", "colours", "red", "--modifier", "+green", "-k", "2", "--data-dir", data_dir)
    assert (code, errors) == (0, "")
    lines = [line.split() for line in output.splitlines()]
    assert [line[0] for line in lines] == ["1", "2"]
    assert lines[0][2] == "yellow.png"


def test_a_search_by_an_image_and_modifiers_prints_json(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "blue.png").write_bytes(png("blue"))
    arguments = ["--image", tmp_path / "blue.png", "--modifier=-red", "--modifier=+green", "--json"]
    code, output, _ = run("search", "colours", *arguments, "--data-dir", data_dir)
    assert code == 0
    best = json.loads(output.splitlines()[0])
    assert best["path"] == "cyan.jpg"
    assert [share["term"] for share in best["contributions"]] == ["image", "-red", "+green"]
    assert round(sum(share["value"] for share in best["contributions"]), 6) == best["score"]


def test_a_search_tells_what_it_read_otherwise_than_it_was_written(data_dir: Path) -> None:
    search = ("search", "colours", "a yelow light without red", "-k", "1", "--data-dir", data_dir)
    _, output, errors = run(*search)
    assert output.split()[-1] == "green.jpg"
    corrected, absent = errors.splitlines()
    assert "Showing results for 'a yellow light without red'; search instead for 'a yelow" in corrected
    assert "'without red' is read as -red" in absent
    _, output, errors = run(*search, "--correct", "off", "--negation", "off")
    assert (output.split()[-1], errors) == ("red.png", "")  # the only word that the model knows


def test_a_search_tells_how_likely_each_result_is_and_that_nothing_matches(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = ToyEncoder(calibrations={"text-to-image": CALIBRATION})
    monkeypatch.setattr(
        service.offline, "InstalledModels", lambda *_arguments, **_options: ToyLibrary(lambda _: encoder)
    )
    code, output, errors = run("search", "colours", "red", "-k", "7", "--data-dir", data_dir)
    assert (code, errors) == (0, "")
    signs = [line.split()[1] for line in output.splitlines() if "-- weak --" not in line]
    assert signs == sorted(signs, key=("strong", "possible", "weak").index)
    assert {"strong", "weak"} <= set(signs)
    lines = output.splitlines()
    assert lines.index("      -- weak --") == signs.index("weak")  # once, and before the first of them
    output = run("search", "colours", "red", "--json", "--data-dir", data_dir)[1]
    assert [json.loads(line)["strength"] for line in output.splitlines()] == signs
    assert all(0 <= json.loads(line)["confidence"] <= 1 for line in output.splitlines())

    encoder = ToyEncoder(calibrations={"text-to-image": replace(CALIBRATION, intercept=-1000.0)})
    _, output, errors = run("search", "colours", "red", "-k", "7", "--data-dir", data_dir)
    assert "No result is a likely match" in errors
    assert {line.split()[1] for line in output.splitlines()} == {"weak"}


def test_the_only_collection_needs_no_name_and_signs_may_stand_in_the_words(data_dir: Path) -> None:
    told = [
        run("search", *arguments, "-k", "1", "--data-dir", data_dir)[1]
        for arguments in (
            ("colours", "red", "--modifier", "+green"),
            ("red +green",),
            ("-c", "colours", "red +green"),
            ("colours", "red +green"),
        )
    ]
    assert len({line.split()[2] for line in told}) == 1
    assert told[0].rstrip().endswith("yellow.png")


def test_of_several_collections_one_must_be_named(data_dir: Path) -> None:
    shutil.copytree(data_dir / "collections" / "colours", data_dir / "collections" / "others")
    code, _, errors = run("search", "a dog", "--data-dir", data_dir)
    assert code == 1
    assert "There are: colours, others" in errors
    assert run("search", "others", "red", "--data-dir", data_dir)[0] == 0


def test_words_steer_an_image(data_dir: Path, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "blue.png").write_bytes(png("blue"))
    arguments = ["--image", tmp_path / "blue.png", "+green -red", "-k", "1", "--json", "--data-dir", data_dir]
    (line,) = run("search", *arguments)[1].splitlines()
    assert [share["term"] for share in json.loads(line)["contributions"]] == ["image", "+green", "-red"]
    assert (json.loads(line)["path"], json.loads(line)["file"]) == ("cyan.jpg", str(pictures / "cyan.jpg"))


def test_several_queries_are_answered_in_one_run(data_dir: Path) -> None:
    code, output, _ = run("search", "colours", "red", "blue", "-k", "1", "--data-dir", data_dir)
    assert code == 0
    names = [line.split()[-1].rpartition("/")[2].partition(".")[0] for line in output.splitlines()]
    assert names == ["red", "red", "blue", "blue"]
    arguments = ["search", "-", "-k", "1", "--json", "--data-dir", str(data_dir)]
    result = CliRunner().invoke(app, arguments, input="red\nblue\n")
    assert [json.loads(line)["query"] for line in result.stdout.splitlines()] == ["red", "blue"]


def test_paths_alone_go_into_pipes(data_dir: Path, pictures: Path) -> None:
    arguments = ("search", "red", "-k", "2", "--data-dir", str(data_dir))
    paths = CliRunner().invoke(app, [*arguments, "--files"]).stdout_bytes
    assert paths.splitlines()[0] == os.fsencode(pictures / "red.png")
    assert CliRunner().invoke(app, [*arguments, "-0"]).stdout_bytes == paths.replace(b"\n", b"\0")


def test_results_of_little_confidence_are_left_out(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = ToyEncoder(calibrations={"text-to-image": CALIBRATION})
    monkeypatch.setattr(
        service.offline, "InstalledModels", lambda *_arguments, **_options: ToyLibrary(lambda _name: encoder)
    )
    every = run("search", "red", "--json", "--data-dir", data_dir)[1].splitlines()
    confidences = sorted((json.loads(line)["confidence"] for line in every), reverse=True)
    least = confidences[1]
    some = run("search", "red", "--json", "--min-confidence", str(least), "--data-dir", data_dir)[1].splitlines()
    assert [json.loads(line)["confidence"] for line in some] == [each for each in confidences if each >= least]
    assert len(some) < len(every)


def test_the_best_result_is_opened(data_dir: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    run("search", "colours", "red", "green", "--open", "--data-dir", data_dir)
    assert [path.rpartition(".")[0] for path in opened] == [str(pictures / "red"), str(pictures / "green")]


def test_the_version_is_told() -> None:
    assert run("--version")[1] == f"semblance {version('semblance')}\n"


def test_tables_are_not_cut_where_nobody_reads_them() -> None:
    output = run("models")[1]
    for name in ("limited-text-space-single", "semblance-base"):
        assert name in output
    assert "…" not in output


def test_captions_are_searched_too(data_dir: Path) -> None:
    code, output, _ = run("search", "colours", "magenta", "--target", "text", "-k", "1", "--data-dir", data_dir)
    assert code == 0
    assert output.endswith("a magenta square\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Say what to look for"),
        (["colours", "red", "--image", "x.png"], "x.png cannot be read"),
        (["colours", ""], "empty"),
        (["-c", "sounds", "red"], "no collection named 'sounds'; there are: colours"),
        (["colours", "red", "--modifier", "-"], "sign"),
        (["colours", "red", "-k", "0"], "between 1 and 100"),
        (["colours", "--image", "none.png"], "none.png"),
        (["colours", "--image", __file__], "not an image"),
        (["sounds", "red"], "There is no collection 'sounds'"),
    ],
)
def test_an_error_is_one_line_and_exit_code_one(data_dir: Path, arguments: list[str], told: str) -> None:
    code, output, errors = run("search", *arguments, "--data-dir", data_dir)
    assert (code, output) == (1, "")
    assert errors.startswith("semblance: ")
    assert told in errors
    assert errors.count("\n") == 1


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_MAX_K", "many")
    code, _, errors = run("serve")
    assert code == 1
    assert errors.startswith("semblance: SEMBLANCE_MAX_K: ")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SEMBLANCE_DEFAULT_COLLECTION", "sounds", "no collection named 'sounds'; there are: colours"),
        ("SEMBLANCE_MODEL", "semblance-huge", "no model named 'semblance-huge'"),
        ("SEMBLANCE_RERANK", "nobody", "no matcher named 'nobody'"),
        ("SEMBLANCE_CAPTIONER", "nobody", "no captioner named 'nobody'"),
        ("SEMBLANCE_HOST", "no-such-host.invalid", "'no-such-host.invalid' is no address of this machine"),
    ],
)
def test_serve_tells_what_is_wrong_before_it_loads_anything(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(service.server, "run", lambda *_: pytest.fail("it must not come so far"))
    code, output, errors = run("serve", "--data-dir", data_dir, "--port", "0")
    assert (code, output) == (1, "")
    assert errors.startswith(f"semblance: {told}")
    assert errors.count("\n") == 1


def test_serve_tells_a_wrong_folder_and_a_used_port_before_it_loads_anything(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.server, "run", lambda *_: pytest.fail("it must not come so far"))
    code, _, errors = run("serve", "--data-dir", data_dir / "absent")
    assert (code, errors.count("\n")) == (1, 1)
    assert f"{data_dir / 'absent'} does not exist" in errors
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, errors = run("serve", "--data-dir", data_dir, "--port", str(port))
    assert (code, errors.count("\n")) == (1, 1)
    assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in errors
    assert "--port" in errors


def test_serve_answers_logs_json_and_stops_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from service.cli import app; app()", "serve", "--port", "0"]
    environment = {**os.environ, "SEMBLANCE_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(json.loads(line))
            if lines[-1]["event"] == "ready":
                break
        assert httpx.get(f"{lines[-1]['address']}/livez").status_code == 200
        process.send_signal(signal.SIGTERM)
        lines += [json.loads(line) for line in process.stdout]
    assert any("semblance index" in line["event"] for line in lines)
    assert [line["route"] for line in lines if line["event"] == "request"] == ["/livez"]
    assert process.returncode in (0, -signal.SIGTERM)


def test_a_person_reads_lines_and_a_container_json(tmp_path: Path) -> None:
    """By the setting; left to itself it is JSON here, for standard error is no terminal."""
    program = "from service.logs import configure_logging; import structlog; configure_logging(FORMAT); "
    program += "structlog.get_logger().info('ready', address='http://127.0.0.1:8000')"
    told = {
        form: subprocess.run(
            [sys.executable, "-c", program.replace("FORMAT", repr(form))], capture_output=True, text=True, check=True
        )
        for form in ("auto", "json", "text")
    }
    for form in ("auto", "json"):
        line = json.loads(told[form].stdout)
        assert (line["event"], line["address"], line["level"]) == ("ready", "http://127.0.0.1:8000", "info")
    assert told["text"].stdout == ""
    assert "ready" in told["text"].stderr
    assert "http://127.0.0.1:8000" in told["text"].stderr
