"""Credentials, where tokens come from, and the cache that refreshes them once."""
