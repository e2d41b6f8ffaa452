"""What an accepted request does to the items of a catalog."""

from __future__ import annotations

from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.workspace import Workspace


def apply_items(workspace: Workspace, content: Json) -> None:
    """Apply the checked items of one request.

    :param content: the catalog, the verb and the items.
    """
    workspace.catalogs.apply_items(content["catalog"], content["verb"], content["items"], workspace.written_now())
