-- Grain: one follow-up visit of one patient.
{{ latest_of('diabetes_visit') }}
