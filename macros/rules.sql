{# What a dated rule says on a day; `standards/rules/` and the county's own `rules/`. #}

{# A number of the rule in force on the day, for people of an age; null where none is. #}
{% macro rule_value(rule, parameter, day, age=none) -%}
    (
        select said.value from {{ source('reference', 'rule_value') }} as said
        where
            said.rule_id = '{{ rule }}'
            and said.parameter = '{{ parameter }}'
            and {{ day }} between said.valid_from and said.valid_to
            {%- if age is not none %}
            and {{ age }} between said.from_age and said.to_age
            {%- endif %}
    )
{%- endmacro %}

{# Whether a code belongs to the set in force on the day; a null code does not. #}
{% macro in_rule(rule, code, day) -%}
    exists (
        select 1 from {{ source('reference', 'rule_code') }} as said
        where
            said.rule_id = '{{ rule }}'
            and said.code = {{ code }}
            and {{ day }} between said.valid_from and said.valid_to
    )
{%- endmacro %}
