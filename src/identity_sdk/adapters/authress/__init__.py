"""Authress: service clients, users, groups, roles, access records and permission checks."""
