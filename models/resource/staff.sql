-- Grain: one employment of one staff member.
{{ latest_of('staff') }}
