"""Container builds of somebody in a workspace, by each builder that runs beside one on a real node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.rigs import builder_images
from tests.rigs.cli import Cli

MODES = {"kit": "buildkit", "dock": "dind"}
# Neither registry nor base image: a static program is all that the stages need.
PROJECT = r"""
cat > tool.c << 'END'
#include <stdio.h>
#include <unistd.h>
int main(int count, char **words) {
    FILE *out = count > 1 ? fopen(words[1], "w") : stdout;
    fprintf(out, "made by uid %d\n", getuid());
    return fclose(out);
}
END
gcc -static -o tool tool.c
cat > Dockerfile << 'END'
FROM scratch AS build
COPY tool /tool
ARG RESULT=nothing
RUN ["/tool", "/result"]
FROM scratch
COPY --from=build /tool /result /
ENTRYPOINT ["/tool"]
END
cat > compose.yaml << 'END'
services:
  tool:
    image: tool
    network_mode: none
END
"""


@pytest.fixture(scope="module")
def cli(new_fleet: Callable[..., Cli]) -> Cli:
    """A workspace for each way to build, in the namespace of its own that this needs."""
    images = {"buildkit": builder_images.BUILDKIT_IMAGE, "dind": builder_images.DIND_IMAGE}
    cli = new_fleet(list(MODES), images=images)
    for name, mode in MODES.items():
        file = Path(cli.environment["KUBECODER_FLEET"]) / "users" / f"{name}.yaml"
        document = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump({**document, "namespace": f"builds-{name}", "build": {"mode": mode}}))
    cli.run("deploy", "--all", "--timeout", "120", seconds=180).expect()
    return cli


@pytest.fixture(params=MODES)
def name(cli: Cli, request: pytest.FixtureRequest) -> str:
    """Each of the workspaces, with a project in its home."""
    in_project(cli, request.param, PROJECT)
    return str(request.param)


def in_project(cli: Cli, name: str, script: str) -> str:
    whole = f"set -e; mkdir -p ~/project; cd ~/project; {script}"
    return cli.run("shell", name, "--", "bash", "-c", whole, seconds=120).expect().stdout.strip()


def test_what_a_dockerfile_makes_is_had_by_docker_build(cli: Cli, name: str) -> None:
    build = "DOCKER_BUILDKIT=1 docker build --output type=local,dest=out ."
    assert in_project(cli, name, f"{build} >&2; cat out/result") == "made by uid 0"


def test_an_image_is_built_and_run_by_docker_in_docker(cli: Cli) -> None:
    in_project(cli, "dock", PROJECT)
    found = in_project(cli, "dock", "docker build --tag tool . >&2; docker run --rm tool; docker compose up 2>&1")
    assert found.splitlines()[0] == "made by uid 0"
    assert "tool-1  | made by uid 0" in found
    assert "exited with code 0" in found


def test_the_workspace_stays_as_closed_as_without_builds(cli: Cli, name: str) -> None:
    status = in_project(
        cli, name, "id -u; grep -h '^\\(NoNewPrivs\\|CapBnd\\|Seccomp\\):' /proc/self/status | tr -d '\\t'"
    )
    assert status.split() == ["1000", "CapBnd:0000000000000000", "NoNewPrivs:1", "Seccomp:2"]
