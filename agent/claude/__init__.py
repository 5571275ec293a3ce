"""What the agent knows of Claude Code: how it is started, what its files and hooks say, what its screen means."""
