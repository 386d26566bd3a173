-- Grain: one birth certificate.
{{ latest_of('birth') }}
