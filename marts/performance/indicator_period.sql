-- Grain: one period (month, quarter, year) and covered month in it.
with

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

kinds as (
    {% for kind, months in {'month': 1, 'quarter': 3, 'year': 12}.items() %}
    select
        '{{ kind }}' as period_kind,
        month,
        as_of_date,
        {{ period_start_of(kind, 'month') }} as period_start,
        {{ days_later(months_later(period_start_of(kind, 'month'), months), -1) }} as period_end
    from coverage_month
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

indicator_period as (
    select
        case period_kind
            when 'year' then cast(year(month) as varchar)
            when 'quarter'
                then cast(year(month) as varchar) || 'Q' || cast(quarter(month) as varchar)
            else cast(year(month) as varchar) || '-' || lpad(cast(month(month) as varchar), 2, '0')
        end as period,
        period_kind,
        period_start,
        period_end,
        month,
        month = max(month) over (partition by period_kind, period_start) as is_last_month,
        max(as_of_date) over (partition by period_kind, period_start) < period_end as is_to_date
    from kinds
)

select * from indicator_period
