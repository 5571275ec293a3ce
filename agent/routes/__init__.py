"""The routes of both listeners; each takes what it needs from the `Workspace` in the app's state."""
