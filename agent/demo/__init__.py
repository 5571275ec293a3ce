"""The scripted model: speaks the public Messages API from scripts in the prompts, for the demo and the tests.

It is only the model that is scripted; the Claude Code in front of it is the real one.
`script.py` documents the language.
"""
