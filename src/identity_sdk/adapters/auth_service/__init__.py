"""The auth service of auth_python_client 1.0.0: as its document promises, and as the real server answers."""
