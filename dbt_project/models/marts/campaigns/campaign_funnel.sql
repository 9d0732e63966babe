with messages as (
    select
        campaign_id,
        count(*) as targeted,
        {% for state in ["queued", "claimed", "skipped", "failed", "cancelled", "unknown", "dead"] -%}
        count(*) filter (where state = '{{ state }}') as {{ state }},
        {% endfor -%}
        {% for reason in ["no_consent", "suppressed", "no_address", "invalid_address", "duplicate_address"] -%}
        count(*) filter (where state = 'skipped' and reason = '{{ reason }}') as skipped_{{ reason }},
        {% endfor -%}
        count(*) filter (where state in ('sent', 'delivered', 'bounced')) as sent
    from {{ ref("stg_activation__campaign_messages") }}
    group by campaign_id
),

happenings as (
    select
        campaign_id,
        count(distinct message_id) filter (where type = 'delivered') as delivered,
        count(distinct message_id) filter (where type = 'bounced') as bounced,
        count(distinct message_id) filter (where type = 'opened') as opened,
        count(*) filter (where type = 'opened') as opened_total,
        count(distinct message_id) filter (where type = 'clicked') as clicked,
        count(*) filter (where type = 'clicked') as clicked_total,
        count(distinct message_id) filter (where type = 'complained') as complained,
        count(distinct message_id) filter (where type = 'unsubscribed') as unsubscribed
    from {{ ref("stg_message_log__message_events") }}
    group by campaign_id
),

runs as (
    select campaign_id, count(*) as runs, min(scheduled_for) as first_scheduled_for, max(scheduled_for) as last_run_at
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
        coalesce(runs.runs, 0) as runs,
        runs.first_scheduled_for,
        runs.last_run_at,
        {% for column in [
            "targeted", "queued", "claimed", "skipped", "skipped_no_consent", "skipped_suppressed", "skipped_no_address",
            "skipped_invalid_address", "skipped_duplicate_address", "failed", "cancelled", "unknown", "dead", "sent",
        ] -%}
        coalesce(messages.{{ column }}, 0) as {{ column }},
        {% endfor -%}
        {% for column in [
            "delivered", "bounced", "opened", "opened_total", "clicked", "clicked_total", "complained", "unsubscribed",
        ] -%}
        coalesce(happenings.{{ column }}, 0) as {{ column }}{{ "," if not loop.last }}
        {% endfor %}
    from {{ ref("stg_activation__campaigns") }} as campaigns
    inner join {{ ref("stg_activation__segments") }} as segments using (segment_id)
    inner join {{ ref("stg_activation__message_templates") }} as templates using (template_id)
    left join messages using (campaign_id)
    left join happenings using (campaign_id)
    left join runs using (campaign_id)
),

campaign_funnel as (
    select
        *,
        skipped - skipped_no_consent - skipped_suppressed - skipped_no_address - skipped_invalid_address
        - skipped_duplicate_address as skipped_other,
        {{ share("delivered", "sent") }} as delivery_rate,
        {{ share("bounced", "sent") }} as bounce_rate,
        {{ share("opened", "delivered") }} as open_rate,
        {{ share("clicked", "delivered") }} as click_rate,
        {{ share("clicked", "opened") }} as click_to_open_rate,
        {{ share("unsubscribed", "delivered") }} as unsubscribe_rate
    from counted
)

select * from campaign_funnel
