"""How a sandbox behaves: what is chosen when it starts, and what the control plane changes."""

from cdi_sandbox.settings.clock import Clock
from cdi_sandbox.settings.klaviyo import DEFAULT_KLAVIYO_KEY, KlaviyoSettings
from cdi_sandbox.settings.rates import RATES, Rate
from cdi_sandbox.settings.sandbox import DEFAULT_KEY, Settings

__all__ = ["DEFAULT_KEY", "DEFAULT_KLAVIYO_KEY", "RATES", "Clock", "KlaviyoSettings", "Rate", "Settings"]
