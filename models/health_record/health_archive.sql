-- Grain: one health record archive.
{{ latest_of('health_archive') }}
