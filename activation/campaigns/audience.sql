-- name: zones(segment_id, contact_ids, default_zone)
-- the zones of those who are targeted, where a campaign has hours
select distinct coalesce(nullif(profile.time_zone, ''), :default_zone)
from engage.segment_members member
left join profiles.contact_profiles profile using (contact_id)
where member.segment_id = :segment_id
union
select coalesce(nullif(profile.time_zone, ''), :default_zone)
from profiles.contact_profiles profile
where profile.contact_id = any(:contact_ids);

-- name: segments_gone(campaign_id)
-- nobody keeps the members of a retired segment up to date: who was in it when it went is no audience, and no exclusion
select string_agg(segment.key, ', ' order by segment.key)
from engage.campaigns campaign
join engage.segments segment
    on segment.segment_id = campaign.segment_id or segment.segment_id = any(campaign.excluded_segment_ids)
where campaign.campaign_id = :campaign_id and not segment.is_active;

-- name: audience(campaign_id, segment_id, contact_ids, template_version_id, token_values, channel, message_class, topic_id, excluded_segment_ids, holdout_percent, is_capped, cap, cap_since, unknown_counts, zones, begins, ends, default_zone, deadline_at, now)
-- everybody who is targeted, with the first reason that keeps them from getting it, in the order below: the members of the
-- segment, or else the contacts given (contact_ids, null otherwise), of whom alone the past is then looked up
with targeted as (
    select contact_id from engage.segment_members where segment_id = :segment_id
    union all
    select distinct contact_id from unnest(:contact_ids::bigint[]) as given (contact_id)
),
-- suppressions that hold: what is known of an address binds the address, what a person said binds both
holding as not materialized (
    select contact_id, address, case reason when 'unsubscribed_topic' then 'unsubscribed_topic' else 'suppressed' end as word,
        contact_id <> 0 and reason in ('complaint', 'unsubscribed_all', 'unsubscribed_topic', 'manual', 'erased') as binds_person
    from engage.suppressions
    where channel = :channel and lifted_at is null and (expires_at is null or expires_at > :now)
      and case reason
          when 'unsubscribed_all' then :message_class = 'marketing'
          when 'unsubscribed_topic' then :message_class = 'marketing' and topic_id = :topic_id
          else true
      end
),
suppressed_people as (
    select contact_id, min(word) as reason
    from holding
    where binds_person and (:contact_ids::bigint[] is null or contact_id = any(:contact_ids))
    group by contact_id
),
suppressed_addresses as (
    select address, min(word) as reason
    from holding
    where address is not null
      and (
          :contact_ids::bigint[] is null
          or address in (select lower(email) from profiles.contact_profiles where contact_id = any(:contact_ids))
      )
    group by address
),
-- the newest word of a person, on the topic or on the channel as a whole
said as (
    select distinct on (contact_id) contact_id, status, occurred_at, consent_record_id
    from engage.consent_records
    where :message_class = 'marketing' and channel = :channel and (topic_id is null or topic_id = :topic_id)
      and (:contact_ids::bigint[] is null or contact_id = any(:contact_ids))
    order by contact_id, occurred_at desc, consent_record_id desc
),
-- what counts towards the cap: what a provider took, and what is on its way or may have been taken
counted as (
    select contact_id
    from engage.campaign_messages
    where :cap::int is not null and is_capped and channel = :channel and sent_at > :cap_since
      and (:contact_ids::bigint[] is null or contact_id = any(:contact_ids))
    union all
    select message.contact_id
    from engage.send_batches batch
    cross join unnest(batch.message_ids) as member (message_id)
    join engage.campaign_messages message using (message_id)
    where :cap::int is not null and batch.state in ('claimed', 'frozen') and message.state = 'claimed'
      and message.is_capped and message.channel = :channel and message.state_changed_at > :cap_since
      and (:contact_ids::bigint[] is null or message.contact_id = any(:contact_ids))
    union all
    select contact_id
    from engage.campaign_messages
    where :cap::int is not null and is_parked and state = 'unknown' and is_capped and channel = :channel and sent_at is null
      and state_changed_at > :cap_since
      and (:contact_ids::bigint[] is null or contact_id = any(:contact_ids))
),
at_the_cap as (
    select contact_id from counted group by contact_id having count(*) >= :cap
),
excluded as (
    select distinct contact_id
    from engage.segment_members
    where segment_id = any(:excluded_segment_ids::bigint[])
      and (:contact_ids::bigint[] is null or contact_id = any(:contact_ids))
),
hours as (
    select * from unnest(:zones::text[], :begins::text[]::timestamptz[], :ends::text[]::timestamptz[]) as span (time_zone, begins, ends)
),
known as (
    select targeted.contact_id, lower(profile.email) as address, hours.time_zone, coalesce(hours.begins, :now) as begins,
        hours.ends as hold_at,
        case
            when :message_class = 'transactional' then 'transactional'
            when said.status = 'subscribed'
                and (
                    profile.email_consent is distinct from 'unsubscribed'
                    or engage.crm_unsubscribed_at(targeted.contact_id, :channel) <= said.occurred_at
                )
                then format('record %%s', said.consent_record_id)
            when said.status is not null then null
            when profile.email_consent = 'subscribed' then 'crm opt-in: subscribed'
            when profile.email_consent = 'unknown' and :unknown_counts then 'crm: unknown, which counts here'
        end as consent,
        case
            when excluded.contact_id is not null then 'excluded_segment'
            when profile.contact_id is null or profile.email_status = 'missing' then 'no_address'
            when profile.email_status = 'invalid' then 'invalid_address'
            else coalesce(suppressed_people.reason, suppressed_addresses.reason)
        end as objection,
        at_the_cap.contact_id is not null as is_at_the_cap,
        :token_values as tokens
    from targeted
    left join profiles.contact_profiles profile using (contact_id)
    left join excluded using (contact_id)
    left join suppressed_people on suppressed_people.contact_id = targeted.contact_id
    left join suppressed_addresses on suppressed_addresses.address = lower(profile.email)
    left join said on said.contact_id = targeted.contact_id
    left join at_the_cap on at_the_cap.contact_id = targeted.contact_id
    left join hours on hours.time_zone = coalesce(nullif(profile.time_zone, ''), :default_zone)
),
permitted as (
    select *, coalesce(objection, case when consent is null then 'no_consent' end) as refused
    from known
),
judged as (
    select *,
        case
            when refused is not null then refused
            when row_number() over (partition by refused is null, address order by contact_id) > 1 then 'duplicate_address'
            when is_at_the_cap then 'frequency_cap'
            -- the same 32 bits as the random buckets of segments
            when :holdout_percent::numeric > 0
                and (('x' || substr(md5('holdout ' || :campaign_id::bigint || ':' || contact_id), 1, 8))::bit(32)::bigint %% 10000)
                    < :holdout_percent::numeric * 100
                then 'holdout'
            when begins > :deadline_at then 'quiet_hours_expired'
        end as reason
    from permitted
)
select :campaign_id::bigint as campaign_id, contact_id, :channel::text as channel, address,
    case when reason is null then 'queued' else 'skipped' end as state, reason,
    :template_version_id::bigint as template_version_id, case when reason is null then tokens end as tokens,
    case when reason is null then consent end as consent, :is_capped::boolean as is_capped,
    case when reason is null then time_zone end as time_zone, case when reason is null then begins else :now end as next_attempt_at,
    case when reason is null then hold_at end as hold_at
from judged
order by contact_id;

-- name: insert(audience, campaign_run_id, now)
insert into engage.campaign_messages
    (campaign_run_id, campaign_id, contact_id, channel, address, state, reason, template_version_id, tokens, consent, is_capped,
     time_zone, next_attempt_at, hold_at, created_at, state_changed_at)
select :campaign_run_id, campaign_id, contact_id, channel, address, state, reason, template_version_id, tokens, consent, is_capped,
    time_zone, next_attempt_at, hold_at, :now, :now
from (:audience) as audience
order by contact_id;

-- name: rehearse(audience)
-- the same audience, in a table that is gone with the transaction
create temporary table rehearsal on commit drop as
select * from (:audience) as audience;

-- name: rules(campaign_id)
select campaign.segment_id, campaign.channel, campaign.message_class, campaign.topic_id, campaign.priority,
    campaign.ignores_caps, campaign.counts_towards_caps, campaign.excluded_segment_ids, campaign.holdout_percent,
    campaign.quiet_from, campaign.quiet_until, campaign.window_from, campaign.window_until, campaign.window_days,
    campaign.deadline_minutes, newest.template_version_id, newest.tokens, cap.most as cap, cap.window_hours as cap_hours
from engage.campaigns campaign
join lateral (
    select template_version_id, tokens
    from engage.template_versions
    where template_id = campaign.template_id
    order by version desc
    limit 1
) newest on true
left join engage.frequency_caps cap
    on cap.channel = campaign.channel and cap.is_active and campaign.message_class = 'marketing' and not campaign.ignores_caps
where campaign.campaign_id = :campaign_id;
