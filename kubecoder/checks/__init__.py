"""Prove from inside and outside that a workspace is what it claims to be."""
