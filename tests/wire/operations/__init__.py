"""The operations of each backend, one after the other over a socket, for `test_every_operation.py`."""
