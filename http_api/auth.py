"""Who may call the management routes: for now whoever knows API_KEY."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from engage_db.settings import load_settings

bearer = HTTPBearer(auto_error=False)


def caller(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
    """The name that goes into versions and logs. 401 without the right key; 503 when no key is set, so nothing is open by accident."""
    expected = load_settings().api_key.get_secret_value()
    if not expected:
        raise HTTPException(503, "The API is switched off: set API_KEY and send it as `Authorization: Bearer …`.")
    given = credentials.credentials if credentials else ""
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise HTTPException(401, "Send the key as `Authorization: Bearer …`.", headers={"WWW-Authenticate": "Bearer"})
    return "api"
