"""The groups of a client, imported on first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..operation import Sender
    from .ai_hosting import AiHostingGroup
    from .app import AppGroup
    from .article import ArticleGroup
    from .backup import BackupGroup
    from .container import ContainerGroup
    from .contract import ContractGroup
    from .conversation import ConversationGroup
    from .cronjob import CronjobGroup
    from .customer import CustomerGroup
    from .database import DatabaseGroup
    from .domain import DomainGroup
    from .file import FileGroup
    from .lead_fyndr import LeadFyndrGroup
    from .license import LicenseGroup
    from .mail import MailGroup
    from .marketplace import MarketplaceGroup
    from .misc import MiscGroup
    from .notification import NotificationGroup
    from .page_insights import PageInsightsGroup
    from .project import ProjectGroup
    from .project_file_system import ProjectFileSystemGroup
    from .relocation import RelocationGroup
    from .ssh_sftp_user import SshSftpUserGroup
    from .user import UserGroup


class Groups:
    """One attribute per tag of the API."""

    sender: Sender

    @cached_property
    def ai_hosting(self) -> AiHostingGroup:
        from .ai_hosting import AiHostingGroup

        return AiHostingGroup(self.sender)

    @cached_property
    def app(self) -> AppGroup:
        from .app import AppGroup

        return AppGroup(self.sender)

    @cached_property
    def article(self) -> ArticleGroup:
        from .article import ArticleGroup

        return ArticleGroup(self.sender)

    @cached_property
    def backup(self) -> BackupGroup:
        from .backup import BackupGroup

        return BackupGroup(self.sender)

    @cached_property
    def container(self) -> ContainerGroup:
        from .container import ContainerGroup

        return ContainerGroup(self.sender)

    @cached_property
    def contract(self) -> ContractGroup:
        from .contract import ContractGroup

        return ContractGroup(self.sender)

    @cached_property
    def conversation(self) -> ConversationGroup:
        from .conversation import ConversationGroup

        return ConversationGroup(self.sender)

    @cached_property
    def cronjob(self) -> CronjobGroup:
        from .cronjob import CronjobGroup

        return CronjobGroup(self.sender)

    @cached_property
    def customer(self) -> CustomerGroup:
        from .customer import CustomerGroup

        return CustomerGroup(self.sender)

    @cached_property
    def database(self) -> DatabaseGroup:
        from .database import DatabaseGroup

        return DatabaseGroup(self.sender)

    @cached_property
    def domain(self) -> DomainGroup:
        from .domain import DomainGroup

        return DomainGroup(self.sender)

    @cached_property
    def file(self) -> FileGroup:
        from .file import FileGroup

        return FileGroup(self.sender)

    @cached_property
    def lead_fyndr(self) -> LeadFyndrGroup:
        from .lead_fyndr import LeadFyndrGroup

        return LeadFyndrGroup(self.sender)

    @cached_property
    def license(self) -> LicenseGroup:
        from .license import LicenseGroup

        return LicenseGroup(self.sender)

    @cached_property
    def mail(self) -> MailGroup:
        from .mail import MailGroup

        return MailGroup(self.sender)

    @cached_property
    def marketplace(self) -> MarketplaceGroup:
        from .marketplace import MarketplaceGroup

        return MarketplaceGroup(self.sender)

    @cached_property
    def misc(self) -> MiscGroup:
        from .misc import MiscGroup

        return MiscGroup(self.sender)

    @cached_property
    def notification(self) -> NotificationGroup:
        from .notification import NotificationGroup

        return NotificationGroup(self.sender)

    @cached_property
    def page_insights(self) -> PageInsightsGroup:
        from .page_insights import PageInsightsGroup

        return PageInsightsGroup(self.sender)

    @cached_property
    def project(self) -> ProjectGroup:
        from .project import ProjectGroup

        return ProjectGroup(self.sender)

    @cached_property
    def project_file_system(self) -> ProjectFileSystemGroup:
        from .project_file_system import ProjectFileSystemGroup

        return ProjectFileSystemGroup(self.sender)

    @cached_property
    def relocation(self) -> RelocationGroup:
        from .relocation import RelocationGroup

        return RelocationGroup(self.sender)

    @cached_property
    def ssh_sftp_user(self) -> SshSftpUserGroup:
        from .ssh_sftp_user import SshSftpUserGroup

        return SshSftpUserGroup(self.sender)

    @cached_property
    def user(self) -> UserGroup:
        from .user import UserGroup

        return UserGroup(self.sender)
