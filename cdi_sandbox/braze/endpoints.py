"""Every call of Braze's API that the sandbox knows, with its permission and its rate limit."""

from __future__ import annotations

from cdi_sandbox.api.endpoint import Endpoint
from cdi_sandbox.braze.catalogs import calls as catalogs
from cdi_sandbox.braze.cdi import calls as cdi
from cdi_sandbox.braze.identifiers import with_text_ids
from cdi_sandbox.braze.track import calls as track
from cdi_sandbox.braze.users import calls as users
from cdi_sandbox.braze.users import identity_calls as identities
from cdi_sandbox.braze.workspace import Workspace

_ITEMS = "/catalogs/{name}/items"
_ITEM = "/catalogs/{name}/items/{item}"

# Permissions and pools: Braze, the endpoint pages.
ENDPOINTS: tuple[Endpoint[Workspace], ...] = (
    Endpoint("POST", "/users/track", "users.track", "track", track.track, track.track_objects, read=with_text_ids),
    Endpoint(
        "POST",
        "/users/track/bulk",
        "users.track.bulk",
        "bulk",
        track.track_bulk,
        track.track_objects,
        max_bytes=2 * 1024 * 1024,
        oversize=(400, "Payload too large"),
        read=with_text_ids,
    ),
    Endpoint(
        "POST",
        "/users/track/sync",
        "users.track.sync",
        "sync",
        track.track_sync,
        track.track_objects,
        read=with_text_ids,
    ),
    Endpoint(
        "POST", "/users/delete", "users.delete", "users", users.delete_users, users.delete_objects, read=with_text_ids
    ),
    Endpoint("POST", "/users/alias/new", "users.alias.new", "users", identities.new_aliases, read=with_text_ids),
    Endpoint("POST", "/users/alias/update", "users.alias.update", "users", identities.update_aliases),
    Endpoint("POST", "/users/identify", "users.identify", "users", identities.identify, read=with_text_ids),
    Endpoint("POST", "/users/merge", "users.merge", "users", identities.merge_users),
    Endpoint(
        "POST",
        "/users/external_ids/rename",
        "users.external_ids.rename",
        "external_ids",
        identities.rename_external_ids,
    ),
    Endpoint(
        "POST",
        "/users/external_ids/remove",
        "users.external_ids.remove",
        "external_ids",
        identities.remove_external_ids,
    ),
    Endpoint("POST", "/users/export/ids", "users.export.ids", "export", users.export_users, read=with_text_ids),
    Endpoint("POST", "/v2/subscription/status/set", "subscription.status.set", "subscription", users.set_groups),
    Endpoint("GET", "/catalogs", "catalogs.get", "catalogs", catalogs.list_catalogs, has_body=False),
    Endpoint("POST", "/catalogs", "catalogs.create", "catalogs", catalogs.create_catalog),
    Endpoint(
        "DELETE",
        "/catalogs/{name}",
        "catalogs.delete",
        "catalogs",
        catalogs.delete_catalog,
        has_body=False,
    ),
    # The permissions of the schema calls are not documented in what we read.
    Endpoint("POST", "/catalogs/{name}/fields", "catalogs.create_fields", "catalogs", catalogs.add_fields),
    Endpoint(
        "DELETE",
        "/catalogs/{name}/fields/{field}",
        "catalogs.delete_fields",
        "catalogs",
        catalogs.delete_field,
        has_body=False,
    ),
    *(
        Endpoint(verb, _ITEMS, right, "catalog_items", catalogs.write_items, catalogs.catalog_items)
        for verb, right in (
            ("POST", "catalogs.add_items"),
            ("PUT", "catalogs.replace_items"),
            ("PATCH", "catalogs.update_items"),
            ("DELETE", "catalogs.delete_items"),
        )
    ),
    Endpoint("GET", _ITEMS, "catalogs.get_items", "catalog_item", catalogs.list_items, has_body=False),
    *(
        Endpoint(verb, _ITEM, right, "catalog_item", catalogs.write_item, has_body=verb != "DELETE")
        for verb, right in (
            ("POST", "catalogs.create_item"),
            ("PUT", "catalogs.replace_item"),
            ("PATCH", "catalogs.update_item"),
            ("DELETE", "catalogs.delete_item"),
        )
    ),
    Endpoint("GET", _ITEM, "catalogs.get_item", "catalog_item", catalogs.read_item, has_body=False),
    Endpoint("GET", "/cdi/integrations", "cdi.integration_list", "cdi_list", cdi.list_integrations, has_body=False),
    Endpoint(
        "GET",
        "/cdi/integrations/{id}/job_sync_status",
        "cdi.integration_job_status",
        "cdi_status",
        cdi.job_status,
        has_body=False,
    ),
    Endpoint(
        "POST",
        "/cdi/integrations/{id}/sync",
        "cdi.integration_sync",
        "cdi_sync",
        cdi.start_sync,
        has_body=False,
    ),
)

PERMISSIONS = frozenset(endpoint.permission for endpoint in ENDPOINTS)
