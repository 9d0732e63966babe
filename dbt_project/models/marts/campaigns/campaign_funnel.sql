{%- set reasons = skip_reasons() %}
{%- set states = ["queued", "claimed", "skipped", "failed", "cancelled", "unknown", "dead"] %}
{%- set outcomes = ["sent", "delivered", "bounced", "opened", "clicked", "complained", "unsubscribed"] %}
{%- set beside = ["opened_machine", "opened_unclassified", "clicked_machine"] %}
{%- set counts = ["delivered_assumed", "opened_implied", "opened_total", "clicked_total"] %}

with campaigns as (
    select * from {{ ref("stg_activation__campaigns") }}
),

messages as (
    select
        campaign_id,
        count(*) as targeted,
        {% for state in states -%}
        count(*) filter (where state = '{{ state }}') as {{ state }},
        {% endfor -%}
        {% for reason in reasons -%}
        count(*) filter (where state = 'skipped' and reason = '{{ reason }}') as skipped_{{ reason }},
        {% endfor -%}
        {% for outcome in outcomes + beside -%}
        count({{ outcome }}_at) as {{ outcome }},
        {% endfor -%}
        count(*) filter (where is_delivery_assumed) as delivered_assumed,
        count(*) filter (where is_open_implied) as opened_implied,
        sum(opens + opens_machine + opens_unclassified)::bigint as opened_total,
        sum(clicks + clicks_machine)::bigint as clicked_total
    from {{ ref("built_message_outcomes") }}
    group by campaign_id
),

runs as (
    select
        campaign_id,
        count(*) as runs,
        min(scheduled_for) as first_scheduled_for,
        max(scheduled_for) as last_run_at
    from {{ ref("stg_activation__campaign_runs") }}
    where state <> 'missed'
    group by campaign_id
),

counted as (
    select
        campaigns.campaign_id,
        campaigns.campaign_key,
        campaigns.campaign_name,
        campaigns.kind,
        campaigns.state,
        segments.title as segment_title,
        templates.template_name,
        runs.first_scheduled_for,
        runs.last_run_at,
        {% for figure in ["targeted"] + states + outcomes + beside + counts -%}
        coalesce(messages.{{ figure }}, 0) as {{ figure }},
        {% endfor -%}
        {% for reason in reasons -%}
        coalesce(messages.skipped_{{ reason }}, 0) as skipped_{{ reason }},
        {% endfor -%}
        coalesce(runs.runs, 0) as runs
    from campaigns
    left join {{ ref("stg_activation__segments") }} as segments using (segment_id)
    inner join {{ ref("stg_activation__message_templates") }} as templates using (template_id)
    left join messages using (campaign_id)
    left join runs using (campaign_id)
),

campaign_funnel as (
    select
        *,
        skipped
        {%- for reason in reasons %}
        - skipped_{{ reason }}
        {%- endfor %} as skipped_other,
        {{ share("delivered", "sent") }} as delivery_rate,
        {{ share("bounced", "sent") }} as bounce_rate,
        {{ share("opened", "delivered") }} as open_rate,
        {{ share("opened_machine", "delivered") }} as machine_open_rate,
        {{ share("clicked", "delivered") }} as click_rate,
        {{ share("clicked_machine", "delivered") }} as machine_click_rate,
        {{ share("clicked", "opened") }} as click_to_open_rate,
        {{ share("complained", "delivered") }} as complaint_rate,
        {{ share("unsubscribed", "delivered") }} as unsubscribe_rate
    from counted
)

select * from campaign_funnel
