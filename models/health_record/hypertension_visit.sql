-- Grain: one follow-up visit of one patient.
{{ latest_of('hypertension_visit') }}
