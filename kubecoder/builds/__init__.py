"""Image builds from the admin's side: kaniko in a pod of its own, which sees the workspace's home."""
