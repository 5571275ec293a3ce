"""A browser with nothing but cookies: enough to sign in at a workspace's door."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.rigs.raw_http import Answer, Headers, Target, send

COOKIE_NAME = "__Host-kubecoder"


class Browser:
    """Talks to the door of one workspace.

    Args:
        address: Where the door, or an ingress controller before it, listens.
        host: The workspace's host name.
    """

    def __init__(self, address: Target, host: str) -> None:
        self.address = address
        self.host = host
        self.cookies: dict[str, str] = {}

    def get(self, path: str, headers: Headers = (), *, method: str = "GET") -> Answer:
        """Send a request to the door and keep the cookies that it sets."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = [*headers, *([("Cookie", cookie)] if cookie else [])]
        answer = send(self.address, method, path, sent, host=self.host)
        for name, value in answer.cookies().items():
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    def sign_in(self, path: str = "/oauth/") -> Answer:
        """Go through GitHub as a browser does; return the answer to the callback."""
        redirect = self.get(path)
        assert redirect.status == 302, redirect
        github = urlsplit(redirect.header("Location"))
        authorized = send(github.netloc, "GET", f"{github.path}?{github.query}&agreed=yes", host=github.netloc)
        callback = authorized.header("Location")
        origin = f"https://{self.host}"
        assert callback.startswith(f"{origin}/oauth2/callback?"), callback
        return self.get(callback.removeprefix(origin))

    def is_signed_in(self) -> bool:
        """Tell whether the workspace lets this browser in."""
        return self.get("/oauth/api/session").status == 200
