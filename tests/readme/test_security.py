"""Every promise of SECURITY.md is held by tests, named here: a promise without one, or a test that was renamed, shows."""

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
        "client/test_secrets.py::test_a_secret_that_is_part_of_the_path_is_in_no_message",
    ),
    "Arguments that may be secret are in no frame of ours.": (
        "client/test_repeated_and_refused.py::test_a_password_is_in_no_variable_of_a_traceback",
        "client/test_repeated_and_refused.py::test_a_password_is_in_no_variable_of_a_call_that_was_cancelled",
    ),
    "Nothing secret goes out in the clear.": (
        "client/test_repeated_and_refused.py::test_a_base_url_in_the_clear_is_refused_unless_allowed_by_name",
    ),
    "No other origin gets them.": (
        "client/test_repeated_and_refused.py::test_a_write_never_leaves_its_origin",
        "client/test_redirects.py::test_the_token_does_not_go_to_another_origin",
        "client/test_redirects.py::test_it_stays_behind_even_if_the_other_origin_sends_us_back",
        "client/test_redirects.py::test_a_whole_url_of_another_origin_gets_no_token",
        "client/test_redirects.py::test_five_hops_and_no_more",
        "client/test_seams.py::test_middleware_runs_around_every_attempt_and_never_sees_the_token",
        "client/test_seams.py::test_middleware_that_leads_elsewhere_takes_no_token_along",
        "files/test_sockets.py::test_by_url_the_token_stays_at_home",
    ),
    "Certificates are checked.": (
        "client/test_certificates.py::test_a_server_that_does_not_prove_its_name_gets_nothing",
        "client/test_certificates.py::test_there_is_no_switch_to_stop_checking",
    ),
    "Cookies are not kept": ("client/test_lifetime.py::test_who_we_are_is_told_and_cookies_are_not_kept",),
    "Values cannot leave their place.": (
        "transport/test_build.py::test_any_text_arrives_as_one_segment",
        "transport/test_build.py::test_what_would_change_the_path_is_refused_by_name",
        "transport/test_build.py::test_headers_cannot_be_broken_out_of",
    ),
    "Responses are bounded.": (
        "client/test_broken_responses.py::test_a_success_that_becomes_too_large_is_refused_with_a_way_out",
        "client/test_errors.py::test_an_error_body_is_read_up_to_a_limit_and_the_rest_left",
    ),
    "Repeating is safe.": (
        "transport/test_retry.py::test_other_calls_only_when_they_were_not_executed",
        "client/test_retries.py::test_a_write_that_may_have_arrived_is_not_sent_again",
        "client/test_retries.py::test_a_server_that_hangs_up_is_asked_exactly_as_often_as_we_say",
    ),
}


def test_each_promise_names_tests_and_each_test_is_there() -> None:
    promises = TEXT.partition("## What is promised")[2].partition("\n## ")[0]
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
