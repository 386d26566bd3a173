-- Grain: one death certificate.
{{ latest_of('death') }}
