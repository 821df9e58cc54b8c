"""lakeFS: the auth API of v0.91 and of today's servers."""
