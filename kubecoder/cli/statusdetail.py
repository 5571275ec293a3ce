"""One workspace in detail, as `kubecoder status NAME` shows it."""

from __future__ import annotations

from datetime import UTC, datetime

from kubecoder.cli import status as fleet_status
from kubecoder.cli.ages import age
from kubecoder.output import NONE, Printer, printable, table
from kubecoder.status.detail import Detail, Event
from kubecoder.status.workspace import WorkspaceStatus


def show(printer: Printer, status: WorkspaceStatus, detail: Detail) -> None:
    """Write the document, or paragraphs for a person."""
    if printer.format.is_document:
        described = fleet_status.as_document(status) | {
            "container_statuses": list(detail.containers),
            "conditions": list(detail.conditions),
            "events": list(detail.events),
            "urls": dict(detail.urls),
        }
        printer.document({"workspaces": [described]})
        return
    now = datetime.now(UTC)
    printer.text(_facts(status, now))
    printer.text(_containers(detail) + _conditions(detail) + _events(detail, now) + _urls(detail))


def _facts(status: WorkspaceStatus, now: datetime) -> str:
    revision = fleet_status.revision(status)
    if status.deployed_at:
        revision += f", deployed {age(status.deployed_at, now)} ago"
    certificate = fleet_status.certificate(status, now)
    if status.certificate and status.certificate.message:
        certificate += f" ({status.certificate.message})"
    image = status.image
    if status.has_image_drift:
        image += f" (the user file says {status.wanted_image})"
    facts = {
        "Name": status.name if status.in_fleet else f"{status.name} (no user file)",
        "Namespace": status.namespace,
        "Status": f"{status.status}: {status.message}" if status.message else status.status,
        "Revision": revision,
        "Image": image,
        "Pod": f"{status.pod} on {status.node or 'no node yet'}, {age(status.since, now)} old" if status.pod else "",
        "Restarts": str(status.restarts) if status.pod else "",
        "Disk": fleet_status.disk(status),
        "Certificate": certificate,
        "Host": status.host,
    }
    width = max(map(len, facts)) + 2
    return "".join(f"{f'{name}:':{width}}{printable(value) or NONE}\n" for name, value in facts.items())


def _containers(detail: Detail) -> str:
    rows = [
        [
            entry.name,
            entry.reason or entry.state,
            str(entry.ready).lower(),
            str(entry.restarts),
            "" if entry.exit_code is None else f"{entry.exit_code} {entry.last_reason}".strip(),
            entry.image,
        ]
        for entry in detail.containers
    ]
    return _section(["CONTAINER", "STATE", "READY", "RESTARTS", "LAST-EXIT", "IMAGE"], rows)


def _conditions(detail: Detail) -> str:
    rows = [[entry.type, entry.status, entry.reason, entry.message] for entry in detail.conditions]
    return _section(["CONDITION", "STATUS", "REASON", "MESSAGE"], rows)


def _events(detail: Detail, now: datetime) -> str:
    return _section(["EVENT", "REASON", "AGE", "OBJECT", "MESSAGE"], [_event(entry, now) for entry in detail.events])


def _event(event: Event, now: datetime) -> list[str]:
    seen = age(event.last_seen, now)
    return [
        event.type,
        event.reason,
        f"{seen} (x{event.count})" if event.count > 1 else seen,
        event.subject,
        event.message,
    ]


def _urls(detail: Detail) -> str:
    return _section(["PAGE", "URL"], [[page, url] for page, url in detail.urls.items()])


def _section(titles: list[str], rows: list[list[str]]) -> str:
    return "\n" + table(titles, rows) if rows else ""
