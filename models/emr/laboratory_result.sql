-- Grain: one result item of one laboratory report.
{{ latest_of('laboratory_result') }}
