"""The provider's own Python SDK, which knows nothing of this package, against the emulator."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from typing import Any

import pytest

from mittwald_async.emulator import Emulator

from ..support.emulator_requests import CALM

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mittwald_api_client") is None,
    reason="mittwald-api-client is not installed (extra `bench`)",
)

ACCOUNT_WIDE = (
    "app.app_list_appinstallations_for_user",
    "customer.customer_list_customers",
    "customer.customer_list_customer_memberships",
    "domain.domain_list_domains",
    "domain.ingress_list_ingresses",
    "notification.notifications_list_notifications",
    "project.project_list_projects",
    "project.project_list_project_memberships",
    "project.project_list_servers",
    "user.user_list_api_tokens",
    "user.user_list_sessions",
)
OF_A_PROJECT = (
    "app.app_list_appinstallations",
    "backup.backup_list_project_backups",
    "backup.backup_list_project_backup_schedules",
    "container.container_list_services",
    "container.container_list_stacks",
    "cronjob.cronjob_list_cronjobs",
    "database.database_list_mysql_databases",
    "database.database_list_redis_databases",
    "domain.dns_list_dns_zones",
    "mail.mail_list_delivery_boxes",
    "mail.mail_list_mail_addresses",
    "project.project_list_memberships_for_project",
    "sshsftp_user.sftp_user_list_sftp_users",
    "sshsftp_user.ssh_user_list_ssh_users",
)
OBJECTS = (
    ("project.project_get_project", "projectId"),
    ("project.project_get_server", "serverId"),
    ("customer.customer_get_customer", "customerId"),
    ("cronjob.cronjob_get_cronjob", "cronjobId"),
    ("app.app_get_appinstallation", "appInstallationId"),
    ("database.database_get_mysql_database", "mysqlDatabaseId"),
    ("domain.dns_get_dns_zone", "dnsZoneId"),
    ("mail.mail_get_mail_address", "mailAddressId"),
)


async def asked(client: Any, operation: str, *path: object, **query: object) -> Any:
    module: Any = importlib.import_module(f"mittwald_api_client.api.{operation}")
    return await module.asyncio_detailed(*path, client=client, **query)


def client_of(emulator: Emulator) -> Any:
    package: Any = importlib.import_module("mittwald_api_client")
    return package.AuthenticatedClient(
        base_url=emulator.url,
        token=emulator.token,
        prefix="",
        auth_header_name="x-access-token",
        raise_on_unexpected_status=True,
    )


async def test_it_reads_lists_and_single_objects() -> None:
    async with Emulator(**CALM) as emulator, client_of(emulator) as client:
        for operation in ACCOUNT_WIDE:
            answer = await asked(client, operation)
            assert (answer.status_code, isinstance(answer.parsed, list)) == (200, True), operation
        project = emulator.world.sample("projectId")
        for operation in OF_A_PROJECT:
            answer = await asked(client, operation, project)
            assert (answer.status_code, isinstance(answer.parsed, list)) == (200, True), operation
        for operation, name in OBJECTS:
            id = emulator.world.sample(name)
            answer = await asked(client, operation, id)
            assert answer.status_code == 200, operation
            assert id in answer.parsed.to_dict().values(), operation


async def test_it_reads_page_by_page_and_concurrently() -> None:
    async with Emulator(**CALM, projects=45) as emulator, client_of(emulator) as client:
        pages = await asyncio.gather(
            *(asked(client, "project.project_list_projects", limit=20, skip=skip) for skip in (0, 20, 40))
        )
        assert [len(page.parsed) for page in pages] == [20, 20, 5]
        assert len({str(project.id) for page in pages for project in page.parsed}) == 45
        assert pages[0].headers["x-pagination-totalcount"] == "45"


async def test_its_reads_show_its_writes() -> None:
    models: Any = importlib.import_module("mittwald_api_client.models")
    async with Emulator(**CALM) as emulator, client_of(emulator) as client:
        project = emulator.world.sample("projectId")
        body = models.ProjectUpdateProjectDescriptionBody(description="renamed by the SDK")
        written = await asked(client, "project.project_update_project_description", project, body=body)
        assert written.status_code == 204
        read = await asked(client, "project.project_get_project", project)
        assert read.parsed.description == "renamed by the SDK"
