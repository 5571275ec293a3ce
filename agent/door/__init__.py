"""The door's watcher: runs oauth2-proxy on the mounted files and starts it anew when they change."""
