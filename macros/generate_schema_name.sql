{# The schema is the folder's name alone: emr.encounter, performance.indicator_value. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
