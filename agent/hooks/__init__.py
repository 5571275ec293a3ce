"""Claude's hooks: the listener on the loopback where they arrive, and the commands that Claude runs for some."""
