"""Where people use it: one module for each framework or tool, each behind an extra of its own."""

from __future__ import annotations
