"""Lists of profiles."""

from __future__ import annotations

from dataclasses import dataclass, field

from cdi_sandbox.api.json import Json

OPT_IN = ("single_opt_in", "double_opt_in")


@dataclass(slots=True, eq=False)
class Audience:
    """One list.

    :param created: seconds since the epoch, as **updated**.
    :param members: number of a profile -> when it joined, in the order in which they came.
    """

    number: int
    name: str
    opt_in: str
    created: float
    updated: float
    members: dict[int, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Klaviyo's own id: six characters."""
        return f"LiSt{self.number:02d}"

    def document(self) -> Json:
        """Return what the store keeps."""
        return {**{name: getattr(self, name) for name in self.__slots__}, "members": list(self.members.items())}


def restored(document: Json) -> Audience:
    """Bring back a list that the store kept."""
    return Audience(**{**document, "members": dict(document["members"])})
