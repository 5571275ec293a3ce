"""Look whether a cluster has what a fleet needs, before anything is written to it."""
