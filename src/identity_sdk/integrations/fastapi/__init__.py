"""FastAPI (extra ``[fastapi]``): one client for the app's life, who is calling, and what they may do.

::

    identity = IdentityProvider("local:///var/lib/app/identity.db")
    app = FastAPI(lifespan=identity.lifespan)
    install(app)

    Identity = Annotated[IdentityClient[Adapter], Depends(identity.client)]
    CurrentUser = Annotated[User, Depends(identity.current_user)]

    @app.get("/docs/{doc_id}", dependencies=[Depends(identity.require("docs:Read", "docs/{doc_id}"))])
    async def read(doc_id: str, user: CurrentUser) -> Doc: ...
"""

from __future__ import annotations

from identity_sdk.errors import ConfigurationError

try:
    import fastapi as _fastapi
except ModuleNotFoundError:  # pragma: no cover - only in an environment without the extra
    raise ConfigurationError(
        'this needs FastAPI: python -m pip install "unified-identity-sdk[fastapi]"'
    ) from None

from identity_sdk.integrations.fastapi.overrides import signed_in
from identity_sdk.integrations.fastapi.problems import Problem, install, problem_of
from identity_sdk.integrations.fastapi.provider import IdentityProvider

__all__ = ["IdentityProvider", "Problem", "install", "problem_of", "signed_in"]

del _fastapi
