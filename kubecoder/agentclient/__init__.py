"""The agent in a workspace: how to reach it, and its Task API."""

from kubecoder.agentclient.client import AgentClient
from kubecoder.agentclient.reach import Endpoint, Reach

__all__ = ["AgentClient", "Endpoint", "Reach"]
