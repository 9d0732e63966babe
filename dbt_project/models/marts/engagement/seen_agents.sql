-- as many as there are programs that fetch mail, a few thousand for millions of events
with seen as (
    select distinct nullif(detail ->> 'agent', '') as agent
    from {{ ref("stg_message_log__message_events") }}
    where type in ('opened', 'clicked')
),

seen_agents as (
    select
        seen.agent,
        min(rules.rank) filter (where rules.applies_to like '%opened%') as opened_rank,
        min(rules.rank) filter (where rules.applies_to like '%clicked%') as clicked_rank
    from seen
    left join {{ ref("engagement_rules") }} as rules on rules.looks_at = 'agent' and seen.agent ~* rules.pattern
    where seen.agent is not null
    group by seen.agent
)

select * from seen_agents
