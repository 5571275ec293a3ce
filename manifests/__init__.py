"""The Jinja2 templates of the Kubernetes objects."""
