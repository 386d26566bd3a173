-- Grain: one discharged stay.
{{ latest_of('front_page') }}
