"""Bring a fleet to the state that its files describe: plan, apply, prune, wait, roll back."""
