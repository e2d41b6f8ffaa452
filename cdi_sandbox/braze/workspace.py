"""One workspace of the local Braze: everything that it holds."""

from __future__ import annotations

from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.catalogs.catalogs import Catalogs
from cdi_sandbox.braze.cdi.integrations import example_integrations
from cdi_sandbox.braze.rates import RateWindows
from cdi_sandbox.braze.users.profiles import Profiles
from cdi_sandbox.context import SandboxContext
from cdi_sandbox.settings.sandbox import Settings
from cdi_sandbox.times import write_moment


class Workspace:
    """The state behind Braze's endpoints. After a restart what is held comes back; what was counted does not.

    :param context: the sandbox that it is a part of.
    """

    def __init__(self, context: SandboxContext) -> None:
        self._context = context
        self.profiles = Profiles(context.store)
        self.catalogs = Catalogs(context.store)
        self.windows = RateWindows()
        self.integrations = example_integrations()
        #: What Braze would have billed for ``/users/track`` since the start.
        self.data_points = 0

    @property
    def settings(self) -> Settings:
        """How the sandbox behaves right now."""
        return self._context.settings

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._context.now()

    def written_now(self) -> str:
        """Say what time it is as Braze writes it for catalogs, with ``+00:00``."""
        return write_moment(self.now()).replace("Z", "+00:00")

    def restore(self, kind: str, document: Json) -> None:
        """Take back what the store kept."""
        if kind in ("catalogs", "items"):
            self.catalogs.restore(kind, document)
        else:
            self.profiles.restore(kind, document)
