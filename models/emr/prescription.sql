-- Grain: one drug line of one prescription.
select * from {{ ref('stg_prescription') }}
