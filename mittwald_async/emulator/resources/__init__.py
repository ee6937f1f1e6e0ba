"""The stateful handlers, one module per family of resources; `register` makes them known."""

from __future__ import annotations

from importlib import import_module

KIND_OF_PARAMETER = {
    "appId": "app",
    "appInstallationId": "app_installation",
    "articleId": "article",
    "appVersionId": "app_version",
    "baseAppVersionId": "app_version",
    "certificateId": "certificate",
    "certificateRequestId": "certificate_request",
    "contractId": "contract",
    "contributorId": "contributor",
    "conversationId": "conversation",
    "cronjobId": "cronjob",
    "customerId": "customer",
    "customerInviteId": "customer_invite",
    "customerMembershipId": "customer_membership",
    "deliveryBoxId": "delivery_box",
    "dnsZoneId": "dns_zone",
    "domainId": "domain",
    "extensionId": "extension",
    "extensionInstanceId": "extension_instance",
    "fileId": "file",
    "ingressId": "ingress",
    "invoiceId": "invoice",
    "licenseId": "license",
    "mailAddressId": "mail_address",
    "mysqlDatabaseId": "mysql_database",
    "mysqlUserId": "mysql_user",
    "notificationId": "notification",
    "orderId": "order",
    "projectBackupId": "backup",
    "projectBackupScheduleId": "backup_schedule",
    "projectId": "project",
    "projectInviteId": "project_invite",
    "projectMembershipId": "project_membership",
    "redisDatabaseId": "redis_database",
    "registryId": "registry",
    "serverId": "server",
    "serviceId": "service",
    "sftpUserId": "sftp_user",
    "sshKeyId": "user_ssh_key",
    "sshUserId": "ssh_user",
    "stackId": "stack",
    "systemSoftwareId": "system_software",
    "systemSoftwareVersionId": "system_software_version",
    "userId": "user",
    "volumeId": "volume",
    "zoneId": "dns_zone",
}
"""Which kind of object a path parameter names."""


_FAMILIES = (
    "access",
    "apps",
    "articles",
    "backups",
    "billing",
    "certificates",
    "containers",
    "cronjobs",
    "customers",
    "databases",
    "dns",
    "domains",
    "extensions",
    "files",
    "filesystem",
    "installations",
    "licenses",
    "mail",
    "memberships",
    "messages",
    "orders",
    "platform",
    "projects",
    "storage",
    "users",
)


def register() -> None:
    """Import every family; once is enough, more does no harm. (Not on import: the families need the world, which needs
    this module.)"""
    for family in _FAMILIES:
        import_module(f"{__name__}.{family}")
