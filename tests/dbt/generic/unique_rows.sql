{# No two rows share the model's grain. Nulls in the grain are one value. #}
{% test unique_rows(model, columns) %}
select {{ columns | join(', ') }}, count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
