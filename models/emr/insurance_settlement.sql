-- Grain: one settlement; reversed when any version of it is a reversal.
select * from {{ ref('stg_insurance_settlement') }}
