-- Grain: one visit or stay at one organization, latest version.
select * from {{ ref('stg_encounter') }}
