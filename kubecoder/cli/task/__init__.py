"""`kubecoder task`: Claude Code tasks in workspaces."""

from __future__ import annotations

import typer

from kubecoder.cli.task import acting, answering, attach, following, run, sending, showing, waiting

app = typer.Typer(help="Launch Claude Code tasks, watch them, answer what they ask, join them.")
app.command("run")(run.command)
app.command("list")(showing.list_tasks)
app.command("status")(showing.status)
app.command("output")(showing.output)
app.command("transcript")(showing.transcript)
app.command("follow")(following.command)
app.command("wait")(waiting.command)
app.command("send")(sending.command)
app.command("messages")(showing.messages)
app.command("approve")(answering.approve)
app.command("deny")(answering.deny)
app.command("attach")(attach.command)
app.command("interrupt")(acting.interrupt)
app.command("resume")(acting.resume)
app.command("kill")(acting.kill)
