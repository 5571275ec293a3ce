"""What is recorded of each workspace in its own namespace: inventory, revisions, and who is at work on it."""
