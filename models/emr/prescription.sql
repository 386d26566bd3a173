-- Grain: one drug line of one prescription.
{{ latest_of('prescription') }}
