{%- set outcomes = ["sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed"] %}
{%- set outcomes = outcomes + ["opened_machine", "clicked_machine"] %}

with messages as (
    select * from {{ ref("built_message_outcomes") }}
),

-- a message counts once for each thing that became of it, on the day of the first time
moments as (
    select
        messages.campaign_id,
        moment.outcome,
        {{ local_day("moment.occurred_at") }} as day
    from messages
    cross join
        lateral (
            values
            {% for outcome in outcomes -%}
            ('{{ outcome }}', messages.{{ outcome }}_at){{ "," if not loop.last }}
            {% endfor %}
        ) as moment (outcome, occurred_at)
    where moment.occurred_at is not null
),

days as (
    select
        campaign_id,
        {% for outcome in outcomes -%}
        count(*) filter (where outcome = '{{ outcome }}') as {{ outcome }},
        {% endfor -%}
        day
    from moments
    group by campaign_id, day
),

campaign_daily as (
    select
        days.*,
        campaigns.campaign_name
    from days
    inner join {{ ref("stg_activation__campaigns") }} as campaigns using (campaign_id)
)

select * from campaign_daily
