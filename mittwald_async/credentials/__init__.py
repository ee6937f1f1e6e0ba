"""The logins that only mittwald has; those of any API are in `mittwald_async.runtime.credentials`."""

from __future__ import annotations

from .extension_secret import ExtensionInstanceSecret
from .password_login import PasswordLogin
from .retrieval_key import AccessTokenRetrievalKey

__all__ = ["AccessTokenRetrievalKey", "ExtensionInstanceSecret", "PasswordLogin"]
