"""The user's side of GitHub: git identity, SSH key, and what is known of the App's token."""
