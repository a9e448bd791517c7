"""The composition root: settings, command line, embedded stack, telemetry."""
