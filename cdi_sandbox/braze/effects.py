"""What accepted requests do to a workspace, by the kind of their change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.catalogs.effects import apply_items
from cdi_sandbox.braze.track.billing import data_points
from cdi_sandbox.braze.track.effects import apply_track
from cdi_sandbox.braze.users import effects as users
from cdi_sandbox.braze.workspace import Workspace


def _track(workspace: Workspace, content: Json) -> None:
    workspace.data_points += data_points(content)
    apply_track(workspace.profiles, content, workspace.now())


EFFECTS: Mapping[str, Callable[[Workspace, Json], None]] = {
    "track": _track,
    "delete": lambda workspace, content: users.apply_delete(workspace.profiles, content),
    "groups": lambda workspace, content: users.apply_groups(workspace.profiles, content),
    "alias_new": lambda workspace, content: users.apply_new_aliases(workspace.profiles, content),
    "alias_update": lambda workspace, content: users.apply_alias_updates(workspace.profiles, content),
    "identify": lambda workspace, content: users.apply_identify(workspace.profiles, content),
    "merge": lambda workspace, content: users.apply_merges(workspace.profiles, content),
    "items": apply_items,
}
#: What comes by the million: the mode that only counts does not apply it.
COUNTED = frozenset({"track"})
