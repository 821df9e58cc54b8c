"""Side by side: this SDK, the HTTP libraries beneath it, and lakeFS's official clients. ``python -m benchmarks``."""
