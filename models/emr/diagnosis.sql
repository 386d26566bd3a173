-- Grain: one diagnosis of one encounter and document.
select * from {{ ref('stg_diagnosis') }}
