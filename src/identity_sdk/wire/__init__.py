"""HTTP values, the operation decorator, and the ports between adapters, middleware and transports."""
