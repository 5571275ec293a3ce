"""`/oauth/api/github`: git identity, SSH key, the App token's state and clones, for the signed-in person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from agent.access.guards import caller_of
from agent.answers import json_answer
from agent.errors import (
    ChangedError,
    CloneNotFoundError,
    FolderExistsError,
    InvalidBodyError,
    KeyExistsError,
    KeyNotFoundError,
    QueueFullError,
    UnavailableError,
)
from agent.github import apptoken, ghlogin, identity, sshkey
from agent.models import (
    Clone,
    CloneBody,
    CloneList,
    GithubState,
    GitIdentity,
    IdentityBody,
    KeyDeletionBody,
    SshKeyBody,
)
from agent.routes import bodies
from agent.routes.operation import Operation
from agent.workspace import workspace_of

Result = TypeVar("Result")


async def show(request: Request) -> Response:
    """Show the git identity, the public part of the SSH key, and the state of the App's token."""
    return await _state(request)


async def set_identity(request: Request) -> Response:
    """Set git's name and e-mail address, if they are still what the person saw."""
    body = await bodies.read(request, IdentityBody)
    new = GitIdentity(name=body.name, email=body.email)
    home = workspace_of(request).settings.home
    await _changed(lambda: identity.change(home, new, seen=body.seen))
    await _note(request, "git.identity", name=new.name, email=new.email)
    return await _state(request)


async def make_key(request: Request) -> Response:
    """Make an SSH key; one that is there stays."""
    body = await bodies.read(request, SshKeyBody)
    home = workspace_of(request).settings.home
    key = await _changed(lambda: sshkey.make(home, body.comment))
    await _note(request, "ssh_key.make", fingerprint=key.fingerprint)
    return await _state(request)


async def delete_key(request: Request) -> Response:
    """Delete the SSH key that has the fingerprint."""
    body = await bodies.read(request, KeyDeletionBody)
    home = workspace_of(request).settings.home
    await _changed(lambda: sshkey.delete(home, body.fingerprint))
    await _note(request, "ssh_key.delete", fingerprint=body.fingerprint)
    return await _state(request)


async def list_clones(request: Request) -> Response:
    """List the clones that this agent knows, the newest first."""
    return json_answer(workspace_of(request).clones.list())


async def start_clone(request: Request) -> Response:
    """Begin to clone a repository into a folder that doesn't exist yet."""
    body = await bodies.read(request, CloneBody)
    audit, caller = workspace_of(request).engine.audit, caller_of(request)

    async def note(clone: Clone) -> None:
        if clone.state == "running":
            await audit.write("clone.start", caller, clone_id=clone.clone_id, folder=clone.folder, url=clone.url)
        else:
            await audit.write("clone.end", caller, clone_id=clone.clone_id, folder=clone.folder, result=clone.state)

    return json_answer(await workspace_of(request).clones.start(body, told=note), status=201)


async def cancel_clone(request: Request) -> Response:
    """End a clone that runs, and remove what it brought."""
    clone = await workspace_of(request).clones.cancel(str(request.path_params["clone_id"]))
    await _note(request, "clone.cancel", clone_id=clone.clone_id, result=clone.state)
    return json_answer(clone)


async def _state(request: Request) -> Response:
    return json_answer(await asyncio.to_thread(_collected, request))


def _collected(request: Request) -> GithubState:
    settings = workspace_of(request).settings
    return GithubState(
        identity=identity.get(settings.home),
        ssh_key=sshkey.find(settings.home),
        app_token=apptoken.state(settings.github_directory),
        gh_login=ghlogin.login(settings.home),
    )


async def _changed(change: Callable[[], Result]) -> Result:
    try:
        return await asyncio.to_thread(change)
    except OSError as error:
        raise UnavailableError(f"the home can't be written: {error.strerror}") from error


async def _note(request: Request, action: str, **detail: str) -> None:
    await workspace_of(request).engine.audit.write(action, caller_of(request), **detail)


ROUTES = (
    Operation("/status", show, answer=GithubState),
    Operation(
        "/identity",
        set_identity,
        method="POST",
        answer=GithubState,
        body=IdentityBody,
        errors=(InvalidBodyError, ChangedError),
    ),
    Operation(
        "/ssh-key",
        make_key,
        method="POST",
        answer=GithubState,
        body=SshKeyBody,
        errors=(InvalidBodyError, KeyExistsError),
    ),
    Operation(
        "/ssh-key/delete",
        delete_key,
        method="POST",
        answer=GithubState,
        body=KeyDeletionBody,
        errors=(InvalidBodyError, KeyNotFoundError, ChangedError),
    ),
    Operation("/clones", list_clones, answer=CloneList),
    Operation(
        "/clones",
        start_clone,
        method="POST",
        answer=Clone,
        status=201,
        body=CloneBody,
        errors=(InvalidBodyError, FolderExistsError, QueueFullError),
    ),
    Operation("/clones/{clone_id}/cancel", cancel_clone, method="POST", answer=Clone, errors=(CloneNotFoundError,)),
)
