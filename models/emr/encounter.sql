-- Grain: one visit or stay at one organization, latest version.
{{ latest_of('encounter') }}
