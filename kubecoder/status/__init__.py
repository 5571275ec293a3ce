"""What the cluster says about the fleet's workspaces, next to what the fleet's files want."""
