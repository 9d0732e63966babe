{%- set outcomes = ["deferred", "delivered", "complained", "unsubscribed"] %}

with sent_messages as (
    select
        *,
        {{ local_day("sent_at") }} as day
    from {{ ref("built_message_outcomes") }}
    where sent_at is not null
),

largest_domains as (
    select recipient_domain
    from sent_messages
    where recipient_domain <> ''
    group by recipient_domain
    order by count(*) desc, recipient_domain
    limit {{ var("domains_told_apart") }}
),

counted as (
    select
        sent_messages.day,
        sent_messages.provider,
        coalesce(largest_domains.recipient_domain, 'other') as recipient_domain,
        count(*) as sent,
        {% for outcome in outcomes -%}
        count(sent_messages.{{ outcome }}_at) as {{ outcome }},
        {% endfor -%}
        count(sent_messages.bounced_at) as bounced,
        count(sent_messages.bounced_at) filter (where sent_messages.bounce = 'hard') as bounced_hard,
        count(sent_messages.bounced_at) filter (where sent_messages.bounce = 'soft') as bounced_soft
    from sent_messages
    left join largest_domains using (recipient_domain)
    group by sent_messages.day, sent_messages.provider, coalesce(largest_domains.recipient_domain, 'other')
),

deliverability_daily as (
    select
        counted.*,
        counted.bounced - counted.bounced_hard - counted.bounced_soft as bounced_other,
        {{ share("counted.delivered", "counted.sent") }} as delivery_rate,
        {{ share("counted.bounced", "counted.sent") }} as bounce_rate,
        {{ share("counted.bounced_hard", "counted.sent") }} as hard_bounce_rate,
        {{ share("counted.deferred", "counted.sent") }} as deferral_rate,
        {{ share("counted.complained", "counted.delivered") }} as complaint_rate,
        {{ share("counted.unsubscribed", "counted.delivered") }} as unsubscribe_rate,
        {{ var("complaint_rate_aim") }}::numeric as complaint_rate_aim,
        {{ var("complaint_rate_limit") }}::numeric as complaint_rate_limit,
        -- of the counts: a rounded rate would hide what is just over a line
        counted.complained >= {{ var("complaint_rate_aim") }} * counted.delivered
        and counted.complained > 0 as is_over_complaint_aim,
        counted.complained >= {{ var("complaint_rate_limit") }} * counted.delivered
        and counted.complained > 0 as is_over_complaint_limit
    from counted
)

select * from deliverability_daily
