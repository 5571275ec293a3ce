"""Rules for every test: no settings from the developer's own shell, and no skip where CI promises to run all."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine isn't a fault, and a failure in CI must be the same one when it runs again.
IS_CI = os.environ.get("CI") == "true"
settings.register_profile("sample", max_examples=30, deadline=None, derandomize=IS_CI)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "sample"))

# A job in the background ignores SIGINT, one under nohup SIGHUP, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

GOLDEN = Path(__file__).parent / "golden"
FOREIGN = (
    *("KUBECONFIG", "KUBECODER_FLEET", "KUBECODER_CONTEXT", "KUBECODER_USER", "KUBECODER_URL", "KUBECODER_TOKEN"),
    *("FORCE_COLOR", "TERM", "XDG_DATA_HOME"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Rewrite the golden files instead of comparing")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make help and output the same on every machine and in every shell."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


class Golden:
    """Compares text with files under tests/golden; `nox -s golden` rewrites them."""

    def __init__(self, *, update: bool) -> None:
        self.update = update

    def check(self, name: str, text: str) -> None:
        """Fail when the text isn't what `tests/golden/<name>` holds."""
        file = GOLDEN / name
        if self.update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert file.exists(), f"{file} is missing; `nox -s golden` writes it"
        assert text == file.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def golden(pytestconfig: pytest.Config) -> Golden:
    return Golden(update=bool(pytestconfig.getoption("--update-golden")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and IS_CI:
        report.outcome = "failed"
        report.longrepr = f"skipped, but CI runs everything: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and IS_CI:
        report.outcome = "failed"
        report.longrepr = f"skipped, but CI runs everything: {report.longrepr}"
    return report
