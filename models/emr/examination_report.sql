-- Grain: one examination report.
select * from {{ ref('stg_examination_report') }}
