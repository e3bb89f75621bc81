"""What every feature stands on: settings, database sessions, roads in and out, broker, telemetry."""
