-- Grain: one result item of one laboratory report.
select * from {{ ref('stg_laboratory_result') }}
