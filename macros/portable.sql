{# The only engine-specific SQL of the project. Dates are dates, not timestamps, unless said. #}

{# First day of the month of a date or a zoned timestamp, in the session's zone. #}
{% macro month_of(expression) -%}
    cast(date_trunc('month', {{ expression }}) as date)
{%- endmacro %}

{# Calendar day of a zoned timestamp, in the session's zone. #}
{% macro day_of(expression) -%}
    cast({{ expression }} as date)
{%- endmacro %}

{# Whole days from one date to another: midnights passed. #}
{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch('days_between')(earlier, later)) }}
{%- endmacro %}
{% macro default__days_between(earlier, later) -%}
    date_diff('day', {{ earlier }}, {{ later }})
{%- endmacro %}
{% macro spark__days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}

{# Whole hours from one moment to another. #}
{% macro hours_between(earlier, later) -%}
    {{ return(adapter.dispatch('hours_between')(earlier, later)) }}
{%- endmacro %}
{% macro default__hours_between(earlier, later) -%}
    date_sub('hour', {{ earlier }}, {{ later }})
{%- endmacro %}
{% macro spark__hours_between(earlier, later) -%}
    timestampdiff(hour, {{ earlier }}, {{ later }})
{%- endmacro %}

{# Minutes from one moment to another, of the clock: seconds are cut off first. #}
{% macro minutes_between(earlier, later) -%}
    {{ return(adapter.dispatch('minutes_between')(earlier, later)) }}
{%- endmacro %}
{% macro default__minutes_between(earlier, later) -%}
    date_diff('minute', {{ earlier }}, {{ later }})
{%- endmacro %}
{% macro spark__minutes_between(earlier, later) -%}
    timestampdiff(minute, date_trunc('minute', {{ earlier }}), date_trunc('minute', {{ later }}))
{%- endmacro %}

{# Completed years of age on a day: a birthday on 29 February completes on 1 March. #}
{% macro age_in_years(birth_date, day) -%}
    (
        year({{ day }}) - year({{ birth_date }})
        - case
            when
                month({{ day }}) * 100 + day({{ day }})
                < month({{ birth_date }}) * 100 + day({{ birth_date }})
                then 1
            else 0
        end
    )
{%- endmacro %}

{# One row per first day of a month between two months, both included. #}
{% macro months_from_to(first_month, last_month) -%}
    {{ return(adapter.dispatch('months_from_to')(first_month, last_month)) }}
{%- endmacro %}
{% macro default__months_from_to(first_month, last_month) -%}
    unnest(generate_series({{ first_month }}, {{ last_month }}, interval 1 month))
{%- endmacro %}
{% macro spark__months_from_to(first_month, last_month) -%}
    explode(sequence({{ first_month }}, {{ last_month }}, interval 1 month))
{%- endmacro %}

{# One row per day between two dates, both included. #}
{% macro days_from_to(first_day, last_day) -%}
    {{ return(adapter.dispatch('days_from_to')(first_day, last_day)) }}
{%- endmacro %}
{% macro default__days_from_to(first_day, last_day) -%}
    unnest(generate_series({{ first_day }}, {{ last_day }}, interval 1 day))
{%- endmacro %}
{% macro spark__days_from_to(first_day, last_day) -%}
    explode(sequence({{ first_day }}, {{ last_day }}, interval 1 day))
{%- endmacro %}

{# A date some days or months later; earlier with a negative number. #}
{% macro days_later(day, number) -%}
    cast({{ day }} + interval ({{ number }}) day as date)
{%- endmacro %}
{% macro months_later(day, number) -%}
    cast({{ day }} + interval ({{ number }}) month as date)
{%- endmacro %}

{# Day of the week, Monday 0 to Sunday 6. #}
{% macro weekday_of(day) -%}
    ({{ days_between("date '2024-01-01'", day) }} % 7 + 7) % 7
{%- endmacro %}

{# First day of the quarter or year of a date. #}
{% macro period_start_of(kind, day) -%}
    cast(date_trunc('{{ kind }}', {{ day }}) as date)
{%- endmacro %}

{# The moment this run started, from dbt's own clock, as a zoned timestamp. #}
{% macro run_moment() -%}
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}+00:00' as {{ zoned_timestamp() }})
{%- endmacro %}
{% macro zoned_timestamp() -%}{{ return(adapter.dispatch('zoned_timestamp')()) }}{%- endmacro %}
{% macro default__zoned_timestamp() -%}timestamp with time zone{%- endmacro %}
{% macro spark__zoned_timestamp() -%}timestamp{%- endmacro %}

{# An expression, null or not, of the row with the lowest number. #}
{% macro value_at_first(expression, number) -%}
    {{ return(adapter.dispatch('value_at_first')(expression, number)) }}
{%- endmacro %}
{% macro default__value_at_first(expression, number) -%}
    arg_min_null({{ expression }}, {{ number }})
{%- endmacro %}
{% macro spark__value_at_first(expression, number) -%}
    min_by({{ expression }}, {{ number }})
{%- endmacro %}

{# One Parquet file of the lake; `path` is relative to its home. #}
{% macro parquet_file(path) -%}
    {{ return(adapter.dispatch('parquet_file')(path)) }}
{%- endmacro %}
{% macro default__parquet_file(path) -%}
    read_parquet('{{ env_var("YIGONG_HOME", "var") }}/{{ path }}', hive_partitioning = false)
{%- endmacro %}
{% macro spark__parquet_file(path) -%}
    parquet.`{{ env_var("YIGONG_HOME", "var") }}/{{ path }}`
{%- endmacro %}

{# Rows of a relation whose key is among the keys a query gives; nulls in a key are one value. #}
{% macro rows_with_keys(relation, keys, columns) -%}
    {{ return(adapter.dispatch('rows_with_keys')(relation, keys, columns)) }}
{%- endmacro %}
{% macro default__rows_with_keys(relation, keys, columns) -%}
    select given.*
    from {{ relation }} as given
    semi join ({{ keys }}) as wanted on {{ same_key('given', 'wanted', columns) }}
{%- endmacro %}
{% macro spark__rows_with_keys(relation, keys, columns) -%}
    select given.*
    from {{ relation }} as given
    left semi join ({{ keys }}) as wanted on {{ same_key('given', 'wanted', columns) }}
{%- endmacro %}

{# Delete the rows of a table whose key is among the keys a query gives. #}
{% macro delete_keys(table, keys, columns) -%}
    {{ return(adapter.dispatch('delete_keys')(table, keys, columns)) }}
{%- endmacro %}
{% macro default__delete_keys(table, keys, columns) -%}
    delete from {{ table }} as given using ({{ keys }}) as wanted
    where {{ same_key('given', 'wanted', columns) }}
{%- endmacro %}
{% macro spark__delete_keys(table, keys, columns) -%}
    merge into {{ table }} as given using ({{ keys }}) as wanted
    on {{ same_key('given', 'wanted', columns) }}
    when matched then delete
{%- endmacro %}

{% macro same_key(one, other, columns) -%}
    {%- for column in columns -%}
        {{ one }}.{{ column }} is not distinct from {{ other }}.{{ column }}
        {%- if not loop.last %} and {% endif -%}
    {%- endfor -%}
{%- endmacro %}
