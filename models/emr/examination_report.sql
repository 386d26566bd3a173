-- Grain: one examination report.
{{ latest_of('examination_report') }}
