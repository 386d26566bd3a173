-- Grain: one shared clinical document.
{{ latest_of('clinical_document') }}
