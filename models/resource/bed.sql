-- Grain: one bed and the period it is open.
{{ latest_of('bed') }}
