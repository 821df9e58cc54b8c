"""One package per backend: ``api.py`` (its operations 1:1), ``models.py``, ``adapter.py``, ``auth.py``."""
