"""What the workspace uses of CPU, memory, disk and network, against the limits of its container."""
