"""What runs beside the agent under the supervisor: its state, its last words, and a restart."""
