"""What is mittwald's own, and no document says."""

from __future__ import annotations

from ._version import __version__
from .runtime.budget_headers import X_RATELIMIT
from .runtime.error_bodies import ErrorBody
from .runtime.lists import PagingNames
from .runtime.profile import EventIds, ForbiddenEnding, Profile
from .runtime.schemes import HeaderToken

TOKEN_VARIABLE = "MITTWALD_API_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable that holds the access token; other clients of this API read the same one."""
BASE_URL_VARIABLE = "MITTWALD_API_BASE_URL"
"""Environment variable that names another address."""

PROFILE = Profile(
    name="mittwald",
    product=f"mittwald-async/{__version__}",
    base_url="https://api.mittwald.de",
    base_url_variable=BASE_URL_VARIABLE,
    forbidden_endings=(ForbiddenEnding("/v2", "leave out the /v2 of {url}, every path begins with it"),),
    token_variables=(TOKEN_VARIABLE,),
    # The document also knows the header Authorization, and calls it legacy.
    authentication=HeaderToken("X-Access-Token"),
    paging=PagingNames(
        total_header="X-Pagination-TotalCount",
        limit_header="X-Pagination-Limit",
        skip_header="X-Pagination-Skip",
    ),
    budget_headers=X_RATELIMIT,
    errors=ErrorBody(
        # A few routes call the type of their errors "name".
        type=("type", "name"),
        message=("message",),
        trace_id=("params.traceId",),
        issues=("validationErrors",),
        issue_path=("path",),
        issue_message=("message",),
        issue_type=("type",),
        issue_context=("context",),
    ),
    events=EventIds(
        response_header="etag",
        request_header="If-Event-Reached",
        # Proxies in front of some routes answer an ordinary ETag, which is quoted.
        looks_like="[0-9]{1,20}",
        not_reached_types=("FailedPrecondition",),
        not_reached_messages=("not reached",),
    ),
    scope_parameters=frozenset(
        ("projectId", "customerId", "serverId", "stackId", "conversationId", "extensionInstanceId")
    ),
)
"""How the mittwald API behaves. Observed, where the document is silent; each figure was seen in answers of the API."""
