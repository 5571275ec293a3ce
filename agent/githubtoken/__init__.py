"""The `github-token` container: keeps an installation token of the GitHub App fresh; nobody else has the App's key."""
