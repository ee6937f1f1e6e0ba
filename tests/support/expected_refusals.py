"""Operations that refuse a valid but made-up request, and why. All others respond with their documented success.

The document does not say enough for every request to succeed: neither which ids exist (`MADE_UP`), nor which secrets
and codes are right (`SECRET`), nor the state of an object (`STATE`). Each entry is the status and a part of the
message, so that any other refusal is noticed.
"""

from __future__ import annotations

MADE_UP: dict[str, tuple[int, str]] = {
    "app-get-missing-dependencies-for-appinstallation": (404, "app version"),
    "app-link-database": (404, "mysql database"),
    "app-patch-appinstallation": (404, "system software uelzen not found"),
    "app-request-appinstallation-copy": (404, "project"),
    "app-unlink-database": (404, "linked database"),
    "backup-delete-project-backup-export": (404, "export of backup"),
    "contract-cancel-contract-item-termination": (404, "contract item"),
    "contract-cancel-contract-tariff-change": (404, "contract item"),
    "contract-get-detail-of-contract-item": (404, "contract item"),
    "contract-terminate-contract-item": (404, "contract item"),
    "conversation-create-conversation": (404, "category oldenburg-chemnitz not found"),
    "conversation-update-conversation": (404, "category"),
    "cronjob-update-cronjob": (404, "service kassel-espelkamp not found"),
    "customer-delete-category": (404, "category altona-husum not found"),
    "customer-get-customer-category": (404, "category altona-husum not found"),
    "customer-get-customer-token-invite": (404, "invite with this token not found"),
    "customer-get-wallet": (404, "wallet of customer"),
    "customer-update-category": (404, "category altona-husum not found"),
    "deprecated-app-link-database": (404, "mysql database"),
    "deprecated-app-replace-database": (404, "mysql database"),
    "deprecated-file-get-file-token-rules": (404, "upload token"),
    "deprecated-user-delete-api-token": (404, "token"),
    "deprecated-user-edit-api-token": (404, "token"),
    "deprecated-user-terminate-session": (404, "token potsdam-jena not found"),
    "dns-create-dns-zone": (404, "dns zone"),
    "extension-get-extension-instance-for-customer": (404, "instance of extension"),
    "extension-get-extension-instance-for-project": (404, "instance of extension"),
    "extension-get-public-key": (404, "public key worms-minden not found"),
    "file-get-file-upload-token-rules": (404, "upload token"),
    "file-get-file-upload-type-rules": (404, "upload type extensionAssetVideo not found"),
    "file-get-file-with-name": (404, "file potsdam-kassel not found"),
    "mail-recover-mail-address-emails": (404, "backup 12345678 not found"),
    "project-get-project-token-invite": (404, "invite with this token not found"),
    "user-get-session": (404, "token potsdam-jena not found"),
    "user-terminate-session": (404, "token potsdam-jena not found"),
}
"""The path or body names something that the test made up, since no list offers it."""

STATE: dict[str, tuple[int, str]] = {
    "backup-delete-project-backup": (412, "system backups cannot be deleted"),
    "backup-delete-project-backup-schedule": (412, "the system backup's schedule cannot be deleted"),
    "container-delete-volume": (412, "the volume is in use by a service"),
    "contract-cancel-contract-termination": (412, "no termination is scheduled"),
    "cronjob-abort-execution": (412, "the execution is over"),
    "customer-delete-customer": (409, "customer has projects"),
    "customer-delete-customer-membership": (412, "the last owner of a customer cannot be removed"),
    "database-delete-mysql-user": (412, "the main user goes with its database"),
    "deprecated-app-installation-execute-action": (412, "app PHP has no action restart"),
    "domain-cancel-scheduled-deletion": (412, "no deletion is scheduled"),
    "extension-create-extension-instance": (412, "context is not the context of the extension"),
    "extension-order-extension": (412, "context is not the context of the extension"),
    "ingress-delete-ingress": (412, "the default ingress goes with its project"),
    "order-create-tariff-change": (400, "is required"),
    "project-accept-project-invite": (403, "this invite is for another person"),
    "project-delete-project-membership": (412, "an inherited membership belongs to the customer"),
    "user-confirm-mfa": (412, "no second factor is being set up"),
}
"""The first object of its kind is in a state that does not allow this."""

SECRET: dict[str, tuple[int, str]] = {
    "deprecated-user-service-phone-number-verify": (412, "phoneNumber is not the number to be verified"),
    "extension-authenticate-instance": (401, "the secret is wrong"),
    "extension-authenticate-with-session-token": (400, "is not signed by this API"),
    "user-authenticate": (401, "email or password is wrong"),
    "user-authenticate-mfa": (401, "email or password is wrong"),
    "user-authenticate-with-access-token-retrieval-key": (401, "the retrieval key is used up, expired or unknown"),
    "user-disable-mfa": (412, "multiFactorCode is not the current code"),
    "user-refresh-session": (401, "the refresh token is used up or unknown"),
    "user-reset-recoverycodes": (412, "multiFactorCode is not the current code"),
    "user-verify-phone-number": (412, "phoneNumber is not the number to be verified"),
}
"""The body contains a secret, code or number that the test made up."""

REFUSALS: dict[str, tuple[int, str]] = {**MADE_UP, **SECRET, **STATE}
