from __future__ import annotations

import keyword

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mittwald_async.codegen.docstrings import sentence
from mittwald_async.codegen.names import (
    class_name,
    free_name,
    joined,
    operation_name,
    pascal,
    singular,
    snake,
    squashed,
    words,
)

CAMEL = st.lists(st.text("abcdefxyz", min_size=2, max_size=8), min_size=1, max_size=5)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ("friendlyURL", "friendly_url"),
        ("friendlyUrl", "friendly_url"),
        ("maxSizeInKB", "max_size_in_kb"),
        ("diskspaceInGiB", "diskspace_in_gib"),
        ("HTTPServerName", "http_server_name"),
        ("basic:timeToFirstByteMs:min", "basic_time_to_first_byte_ms_min"),
        ("Content-Disposition", "content_disposition"),
        ("type-not", "type_not"),
        ("x-access-token", "x_access_token"),
        ("ipV4Address", "ip_v4_address"),
        ("webhookURLs", "webhook_urls"),
        ("oauth2", "oauth2"),
        ("SSH/SFTP User", "ssh_sftp_user"),
        ("AI hosting", "ai_hosting"),
        ("class", "class_"),
        ("self", "self_"),
        ("1und1", "n1und1"),
        ("1st", "n1st"),
        ("größeÜber", "größeüber"),
        ("mp3Player", "mp3_player"),
        ("installations30Days", "installations30_days"),
        ("$", "empty"),
        ("_private", "private"),
    ],
)
def test_snake_case(wire: str, expected: str) -> None:
    assert snake(wire) == expected


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("Entries", "Entry"),
        ("Addresses", "Address"),
        ("Boxes", "Box"),
        ("Projects", "Project"),
        ("mailAddresses", "mailAddress"),
        ("Settings", "Settings"),
        ("Status", "Status"),
        ("Dns", "Dns"),
        ("Access", "Access"),
        ("Gas", "Gas"),
        ("Data", "Data"),
    ],
)
def test_the_singular_of_a_name(plural: str, one: str) -> None:
    assert singular(plural) == one


@pytest.mark.parametrize(
    ("operation_id", "group", "name"),
    [
        ("project-list-projects", "project", "list_projects"),
        ("ai-hosting-customer-create-key", "ai_hosting", "customer_create_key"),
        ("leadfyndr-get-cities", "lead_fyndr", "get_cities"),
        ("project-file-system-get-jwt", "project_file_system", "get_jwt"),
        ("project-get-jwt", "project_file_system", "project_get_jwt"),
        ("deprecated-app-get", "app", "deprecated_app_get"),
        ("extension-list-contributors", "marketplace", "extension_list_contributors"),
        ("project", "project", "project"),
        ("project-import", "project", "project_import"),
        ("project-2", "project", "project_2"),
    ],
)
def test_a_method_does_not_repeat_its_group(operation_id: str, group: str, name: str) -> None:
    assert operation_name(operation_id, group) == name


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("ProjectListItem", "ProjectListItem"),
        ("characterSettings", "CharacterSettings"),
        ("a_b", "AB"),
        ("None", "None_"),
    ],
)
def test_a_schema_keeps_its_name_if_it_is_a_valid_class_name(schema: str, name: str) -> None:
    assert class_name(schema) == name


@PATIENT
@given(CAMEL)
def test_every_spelling_of_the_same_words_yields_the_same_name(parts: list[str]) -> None:
    expected = snake("_".join(parts))
    camel = parts[0] + "".join(part.title() for part in parts[1:])
    assert {
        snake("-".join(parts)),
        snake(" ".join(parts)),
        snake(camel),
        snake(camel.title() if len(parts) == 1 else camel),
    } == {expected}


@PATIENT
@given(st.text(max_size=30))
def test_any_input_yields_legal_names(text: str) -> None:
    for name in (snake(text), pascal(text), class_name(text)):
        assert name.isidentifier()
        assert not keyword.iskeyword(name)
        assert not name.startswith("_")


@PATIENT
@given(st.text(max_size=30))
def test_no_letter_or_digit_is_lost_between_words(text: str) -> None:
    ascii_only = "".join(letter for letter in text if letter.isascii())
    assert squashed("".join(words(ascii_only))) == squashed(ascii_only)


@PATIENT
@given(st.lists(st.sampled_from(["a", "b", "a2", "a3"]), max_size=8), st.lists(st.sampled_from(["b", "c"]), max_size=2))
def test_a_unique_name_is_unused(taken: list[str], fallbacks: list[str]) -> None:
    assert free_name("a", fallbacks, set(taken)) not in taken


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("list_projects", "List projects."),
        ("dns_update_record_set", "Update record set (dns)."),
        ("order_preview_order", "Preview order."),
        ("order_create_tariff_change", "Create tariff change (order)."),
        ("logout", "Logout."),
        ("list_update_candidates_for_appversion", "List update candidates for appversion."),
        ("extension_order_extension", "Order extension."),
        ("deprecated_app_get_app", "Get app."),
        ("deprecated", "Deprecated."),
        ("sftp_user_list_sftp_users", "List sftp users (user)."),
    ],
)
def test_the_first_sentence_of_a_docstring_starts_with_a_verb(name: str, said: str) -> None:
    assert sentence(name) == said


@pytest.mark.parametrize(
    ("owner", "part", "name"),
    [
        ("Task", "taskState", "TaskState"),
        ("CombinedAManaged", "managedBy", "CombinedAManagedBy"),
        ("PayloadEmail", "emailInboxes", "PayloadEmailInboxes"),
        ("TargetContainer", "container", "TargetContainerContainer"),
        ("Order", "orderly", "OrderOrderly"),
        ("X", "", "XEmpty"),
    ],
)
def test_a_part_does_not_repeat_the_last_words_of_its_owner(owner: str, part: str, name: str) -> None:
    assert joined(owner, part) == name
