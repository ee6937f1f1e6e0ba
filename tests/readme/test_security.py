"""Every promise of SECURITY.md is backed by tests named here. A promise without one fails, and so does a renamed
test."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from .blocks import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

HELD = {
    "Secrets stay inside.": (
        "credentials/test_secrecy.py::test_a_secret_is_opaque",
        "credentials/test_secrecy.py::test_errors_logs_and_frames_show_nothing",
        "client/test_secrets.py::test_no_failure_shows_the_token",
        "client/test_secrets.py::test_no_object_shows_the_token",
        "client/test_secrets.py::test_a_secret_in_the_path_is_in_no_message",
    ),
    "Secret arguments are in no frame of this package.": (
        "client/test_repeated_and_refused.py::test_a_password_is_in_no_variable_of_a_traceback",
        "client/test_repeated_and_refused.py::test_a_password_is_in_no_variable_of_a_cancelled_calls_traceback",
    ),
    "Nothing secret is sent unencrypted.": (
        "client/test_repeated_and_refused.py::test_a_plain_http_base_url_needs_explicit_permission",
    ),
    "No other origin gets them.": (
        "client/test_repeated_and_refused.py::test_a_write_never_leaves_its_origin",
        "client/test_redirects.py::test_the_token_is_not_sent_to_another_origin",
        "client/test_redirects.py::test_the_token_stays_off_even_when_the_other_origin_redirects_back",
        "client/test_redirects.py::test_a_whole_url_of_another_origin_gets_no_token",
        "client/test_redirects.py::test_at_most_five_redirects_are_followed",
        "client/test_seams.py::test_middleware_runs_around_every_attempt_and_never_sees_the_token",
        "client/test_seams.py::test_middleware_that_changes_the_origin_takes_no_token_along",
        "files/test_sockets.py::test_a_download_by_url_sends_no_token_to_another_origin",
    ),
    "Certificates are checked.": (
        "client/test_certificates.py::test_a_server_that_does_not_prove_its_name_receives_nothing",
        "client/test_certificates.py::test_verification_cannot_be_switched_off",
    ),
    "Cookies are not kept": ("client/test_lifetime.py::test_the_user_agent_is_sent_and_cookies_are_not_kept",),
    "Values cannot change the request.": (
        "transport/test_build.py::test_any_text_arrives_as_one_segment",
        "transport/test_build.py::test_values_that_would_change_the_path_are_refused_by_name",
        "transport/test_build.py::test_header_values_cannot_add_headers",
    ),
    "Responses are bounded.": (
        "client/test_broken_responses.py::test_a_response_that_grows_too_large_is_refused_with_advice",
        "client/test_errors.py::test_an_error_body_is_read_up_to_a_limit",
    ),
    "Retries are safe.": (
        "transport/test_retry.py::test_other_calls_are_retried_only_if_they_were_not_executed",
        "client/test_retries.py::test_a_write_that_may_have_arrived_is_not_sent_again",
        "client/test_retries.py::test_a_server_that_hangs_up_gets_exactly_the_reported_attempts",
    ),
}


def test_each_promise_names_existing_tests() -> None:
    promises = TEXT.partition("## Promises")[2].partition("\n## ")[0]
    assert re.findall(r"^- \*\*(.*?)\*\*", promises, re.MULTILINE) == list(HELD)
    missing: list[str] = []
    for path, _, name in (test.partition("::") for tests in HELD.values() for test in tests):
        source = (ROOT / "tests" / path).read_text(encoding="utf-8")
        if f"def {name}(" not in source:
            missing.append(f"{path}::{name}")
    assert missing == []


@pytest.mark.parametrize("option", ["--token", "--password"])
@pytest.mark.parametrize("name", ["sweep", "call", "limits"])
def test_a_secret_cannot_be_an_argument(name: str, option: str) -> None:
    """Other users of the machine could read it."""
    done = subprocess.run(
        [sys.executable, "-m", "mittwald_async.cli", name, option, "token-for-tests"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "No such option" in done.stderr
