-- Grain: one diagnosis of one encounter and document.
{{ latest_of('diagnosis') }}
