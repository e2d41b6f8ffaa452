"""What both destinations' hooks share: settings, calls, transport, errors."""
