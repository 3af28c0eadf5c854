"""The container files keep what docs/deployment.md promises; checked without a container engine."""

import http.server
import json
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
import yaml

from benchmarks import nginx
from benchmarks.postgres_server import binaries
from service.cli import app
from service.settings import Settings, variable_of

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMPOSE_FILES = ("compose.yaml", "compose.distributed.yaml")
COMPOSE, DISTRIBUTED = (yaml.safe_load((ROOT / "docker" / name).read_text(encoding="utf-8")) for name in COMPOSE_FILES)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
APART: dict[str, dict[str, Any]] = DISTRIBUTED["services"]
OURS = SERVICES | {f"{name} apart": one for name, one in APART.items() if one["image"].startswith("semblance:")}
REPLICAS = ["replica-1", "replica-2"]
INDEXERS = ["indexer", "indexer-gpu"]
SERVING = ["service", "service-gpu"]
HEALTHCHECK = ROOT / "docker" / "healthcheck.py"


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions in order, comments gone and continued lines joined."""
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ").splitlines()
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in lines) if word]


def arguments(instruction: str) -> list[str]:
    """Return what follows each instruction of that name."""
    return [rest for word, rest in instructions() if word == instruction]


def copied_from_the_project() -> list[str]:
    """Return the sources of every COPY that does not copy from another stage."""
    copies = [shlex.split(rest) for rest in arguments("COPY") if not rest.startswith("--from=")]
    return [source.removeprefix("./") for *sources, _ in copies for source in sources]


def by_default(text: str) -> str:
    """Put in the defaults of a compose file's variables."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def mounts(name: str) -> dict[str, tuple[str, bool]]:
    """Return a service's mounts: target to source and whether it is read-only."""
    found = {}
    for volume in OURS[name]["volumes"]:
        if isinstance(volume, str):
            source, target, *mode = volume.split(":")
            found[target] = (source, mode == ["ro"])
        else:
            found[volume["target"]] = (by_default(volume["source"]), volume["read_only"])
    return found


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Run a server that answers /readyz with that status; gives its port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def healthcheck(port: int) -> subprocess.CompletedProcess[str]:
    # the proxy is a trap: nothing listens there
    environment = {variable_of("port"): str(port), "http_proxy": "http://127.0.0.1:9", "PYTHONUTF8": "1"}
    return subprocess.run([sys.executable, HEALTHCHECK], env=environment, capture_output=True, text=True, check=False)


def test_the_image_runs_as_a_user_without_rights() -> None:
    user, _, group = arguments("USER")[-1].partition(":")
    assert int(user) >= 10_000
    assert int(group) >= 10_000
    after_user = [word for word, _ in instructions()][::-1]
    assert "RUN" not in after_user[: after_user.index("USER")], "nothing is built by the user that serves"


def test_the_image_starts_the_service_as_the_first_process() -> None:
    assert [json.loads(rest) for rest in arguments("ENTRYPOINT")] == [["semblance"]]
    assert [json.loads(rest) for rest in arguments("CMD")] == [["serve", "--host", "0.0.0.0"]]


def test_the_default_target_is_the_cpu_and_every_base_is_the_same() -> None:
    stages = [rest.split(" AS ") for rest in arguments("FROM")]
    names = [name for _, name in stages]
    assert names[-1] == "cpu"
    assert "gpu" in names
    assert {base for base, _ in stages} - {*names} == {"docker.io/library/python:3.11-slim-bookworm"}


def test_every_install_in_the_image_obeys_the_pinned_versions() -> None:
    installs = [rest.partition(" && ")[0] for rest in arguments("RUN") if "pip install" in rest]
    others, itself = installs[:-1], installs[-1]
    assert len(others) == 3
    assert all("--constraint constraints.txt" in install for install in others)
    assert "--no-deps" in itself


def test_only_torch_comes_from_torchs_index() -> None:
    [install] = [rest.partition(" && ")[0] for rest in arguments("RUN") if "TORCH_INDEX" in rest]
    assert install.endswith('${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch')
    assert "--no-deps" in install
    assert arguments("ARG") == ["EXTRAS=", "TORCH_INDEX="]


def test_the_image_is_labelled_with_the_projects_version_and_licence() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', arguments("LABEL")[0]))
    assert (labels["version"], labels["licenses"]) == (PROJECT["version"], PROJECT["license"])


@pytest.mark.parametrize("extra", ["cpu", "gpu"])
def test_the_image_gets_what_the_project_requires(extra: str) -> None:
    script = ROOT / "docker" / "requirements.py"
    found = subprocess.run([sys.executable, script, extra], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == PROJECT["dependencies"] + PROJECT["optional-dependencies"][extra]


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    patterns = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert patterns[0] == "*", "all is left out, .git and .venv and var too, but for what follows"
    assert {line[1:] for line in patterns if line[0] == "!"} == {*copied_from_the_project()}
    assert all((ROOT / source).exists() for source in copied_from_the_project())


def test_every_semblance_variable_is_a_setting() -> None:
    known = {variable_of(name) for name in Settings.model_fields}
    in_image = {name for rest in arguments("ENV") for name in re.findall(r"(\w+)=", rest)}
    in_compose = {name for service in OURS.values() for name in service.get("environment", {})}
    used = {name for name in in_image | in_compose if name.startswith("SEMBLANCE_")}
    assert used >= {"SEMBLANCE_DATA_DIR", "SEMBLANCE_API_KEYS", "SEMBLANCE_DEVICE"}
    assert used <= known


@pytest.mark.parametrize("name", [*OURS, "nginx"])
def test_every_container_is_confined(name: str) -> None:
    service = (OURS | APART)[name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]


@pytest.mark.parametrize(("indexer", "service"), [("indexer", "service"), ("indexer-gpu", "service-gpu")])
def test_the_service_starts_when_the_indexer_has_succeeded_and_cannot_write(indexer: str, service: str) -> None:
    assert SERVICES[service]["depends_on"] == {indexer: {"condition": "service_completed_successfully"}}
    assert mounts(indexer)["/data"] == ("data", False)
    assert mounts(service)["/data"] == ("data", True)
    assert mounts(indexer)["/photographs"] == mounts(service)["/photographs"] == ("../demo/photographs", True)


@pytest.mark.parametrize(("services", "name"), [*((SERVICES, name) for name in INDEXERS), (APART, "indexer")])
def test_the_indexers_command_is_one_that_semblance_has(services: dict[str, Any], name: str) -> None:
    command, *given = [by_default(word) for word in services[name]["command"]]
    known = typer.main.get_command(app).commands[command].make_context(command, given).params
    assert {*map(str, known["paths"]), str(known["captions"])} == {"/photographs", "/captions.csv"}
    assert known["workers"] == (2 if services is APART else 0)
    source, read_only = mounts(name)[str(known["captions"])]
    assert read_only
    assert (ROOT / "docker" / source).read_text(encoding="utf-8") == "file,caption\n"


def test_only_this_machine_reaches_the_service_by_default() -> None:
    assert [by_default(port) for port in SERVICES["service"]["ports"]] == ["127.0.0.1:8000:8000"]
    assert all(SERVICES[name]["network_mode"] == "none" for name in INDEXERS)


def test_a_stopping_service_gets_the_time_that_its_settings_promise() -> None:
    assert (
        int(SERVICES["service"]["stop_grace_period"].removesuffix("s"))
        > Settings.model_fields["graceful_stop_s"].default
    )


def test_gpu_containers_start_only_when_asked_for() -> None:
    with_profile = {name for name, service in SERVICES.items() if service.get("profiles") == ["gpu"]}
    with_device = {name for name, service in SERVICES.items() if "deploy" in service}
    assert with_profile == with_device == {"indexer-gpu", "service-gpu"}


@pytest.mark.parametrize("name", COMPOSE_FILES)
def test_every_variable_of_the_compose_file_is_documented(name: str) -> None:
    text = (ROOT / "docker" / name).read_text(encoding="utf-8")
    table = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    variables = set(re.findall(r"\$\{(\w+)", text))
    assert {variable for variable in variables if f"| `{variable}` |" not in table} == set()
    assert set(re.findall(r"[A-Z_]{4,}", text.partition("Variables: ")[2].partition(";")[0])) == variables


class TestDistributed:
    """The compose file whose parts are apart; ``docs/scale.md`` says which of them were run."""

    def test_the_image_has_the_extras_that_its_parts_need(self) -> None:
        for name in ("indexer", *REPLICAS):
            extras = APART[name]["build"]["args"]["EXTRAS"].split()
            assert extras == ["milvus", "postgres", "ray", "s3"]
            assert set(extras) <= set(PROJECT["optional-dependencies"])

    def test_indexer_and_replicas_name_the_same_engines_which_are_there(self) -> None:
        named = [APART[name]["environment"] for name in ("indexer", *REPLICAS)]
        for variable, scheme in (("SEMBLANCE_CATALOG_URL", "postgresql"), ("SEMBLANCE_VECTORS_URL", "http")):
            [address] = {by_default(environment[variable]) for environment in named}
            parts = urlsplit(address)
            assert (parts.scheme, parts.hostname in APART) == (scheme, True)
        made = {name: by_default(value) for name, value in APART["postgres"]["environment"].items()}
        catalog = urlsplit(by_default(named[0]["SEMBLANCE_CATALOG_URL"]))
        assert (catalog.username, catalog.password) == (made["POSTGRES_USER"], made["POSTGRES_PASSWORD"])

    def test_milvus_stores_in_the_minio_and_the_etcd_that_are_there(self) -> None:
        asked, minio = APART["milvus"]["environment"], APART["minio"]["environment"]
        assert {asked[name].partition(":")[0] for name in ("ETCD_ENDPOINTS", "MINIO_ADDRESS")} <= set(APART)
        assert asked["MINIO_SECRET_ACCESS_KEY"] == minio["MINIO_ROOT_PASSWORD"]
        assert asked["MINIO_ACCESS_KEY_ID"] == minio["MINIO_ROOT_USER"]

    def test_replicas_are_alike_and_cannot_write_to_the_index(self) -> None:
        one, other = (APART[name] for name in REPLICAS)
        assert one == other
        assert (mounts("replica-1 apart")["/data"], mounts("replica-1 apart")["/photographs"][1]) == (
            ("data", True),
            True,
        )

    def test_nothing_is_published_but_the_proxy_and_the_engines_have_no_way_out(self) -> None:
        published = {name: one["ports"] for name, one in APART.items() if "ports" in one}
        assert {name: [by_default(port) for port in ports] for name, ports in published.items()} == {
            "nginx": ["127.0.0.1:8000:8080"]
        }
        assert DISTRIBUTED["networks"]["engines"] == {"internal": True}
        assert {tuple(one["networks"]) for name, one in APART.items() if name not in ("nginx", *REPLICAS)} == {
            ("engines",)
        }

    def test_what_something_depends_on_is_there_and_says_when_it_is_healthy(self) -> None:
        for one in APART.values():
            for name, wanted in one.get("depends_on", {}).items():
                told = wanted["condition"] == "service_completed_successfully" or "healthcheck" in APART[name]
                assert told or "HEALTHCHECK" in dict(instructions())
        assert {volume.partition(":")[0] for one in APART.values() for volume in _named_volumes(one)} == {
            *DISTRIBUTED["volumes"]
        }

    def test_the_versions_are_those_that_the_tests_run(self) -> None:
        assert APART["milvus"]["image"].rpartition(":v")[2] == _pinned("milvus")
        if binaries() is not None:
            [major] = re.findall(r"postgresql/(\d+)/", str(binaries()))
            assert APART["postgres"]["image"].rpartition(":")[2] == f"{major}-bookworm"
        if nginx.is_installed():
            told = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
            assert f"nginx/{APART['nginx']['image'].rpartition(':')[2]}." in told

    def test_the_proxy_asks_the_replicas_and_none_of_them_twice(self, tmp_path: Path) -> None:
        text = (ROOT / "docker" / "nginx.conf").read_text(encoding="utf-8")
        assert re.findall(r"server (\S+):8000 max_fails=0;", text) == REPLICAS
        assert "proxy_next_upstream off;" in text
        if not nginx.is_installed():
            pytest.skip(f"the file is not tried: this {nginx.INSTALL}")
        here = (
            text.replace("replica-1:", "127.0.0.1:")
            .replace("replica-2:", "127.0.0.2:")
            .replace("/tmp/", f"{tmp_path}/")
        )
        (tmp_path / "nginx.conf").write_text(here)
        tried = subprocess.run(
            ["nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False
        )
        assert tried.returncode == 0, tried.stderr


def _named_volumes(service: dict[str, Any]) -> list[str]:
    return [volume for volume in service.get("volumes", []) if isinstance(volume, str) and volume[0] != "."]


def _pinned(package: str) -> str:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return next(line.partition("==")[2] for line in lines if line.partition("==")[0] == package)


def test_the_health_check_asks_whether_the_service_is_ready_and_no_proxy() -> None:
    with answering(200) as port:
        assert healthcheck(port).returncode == 0
    with answering(503) as port:
        unready = healthcheck(port)
    assert (unready.returncode, unready.stderr) == (1, "/readyz answers 503\n")
    gone = healthcheck(port)
    assert gone.returncode == 1
    assert gone.stderr.startswith("no answer: ")


def test_image_and_compose_file_run_the_same_health_check() -> None:
    in_image = json.loads(arguments("HEALTHCHECK")[0].partition("CMD ")[2])
    assert all(SERVICES[name]["healthcheck"]["test"] == ["CMD", *in_image] for name in SERVING)
    assert f"docker/healthcheck.py {in_image[1]}" in arguments("COPY")
