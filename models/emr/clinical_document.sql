-- Grain: one shared clinical document.
select * from {{ ref('stg_clinical_document') }}
