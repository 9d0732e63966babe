-- name: list_dead(most, after)
-- messages whose fate nobody knows, newest first
select message.message_id, campaign.key as campaign, message.contact_id, message.address, message.state, message.reason,
    message.reason_detail as words, message.provider, batch.attempts, batch.first_attempt_at, message.state_changed_at
from engage.campaign_messages message
join engage.campaigns campaign using (campaign_id)
left join engage.send_batches batch using (batch_id)
where message.is_parked and (:after::bigint is null or message.message_id < :after)
order by message.message_id desc
limit :most;

-- name: batches_of(message_ids)
-- the batches of dead letters, whole or in part
select batch.batch_id, batch.provider, batch.first_attempt_at, batch.state, batch.body is not null as has_body,
    run.state = 'cancelled' as is_cancelled,
    array(
        select message.message_id
        from engage.campaign_messages message
        where message.batch_id = batch.batch_id and message.message_id = any(:message_ids) and message.state in ('dead', 'unknown')
        order by 1
    ) as wanted
from engage.send_batches batch
join engage.campaign_runs run using (campaign_run_id)
where batch_id in (
    select batch_id from engage.campaign_messages where message_id = any(:message_ids) and state in ('dead', 'unknown')
)
order by batch_id
for update of batch;

-- name: reopen(batch_id, words, now)
-- the whole batch again: same members, same key, same bytes
with reopened as (
    update engage.send_batches
    set state = 'frozen', attempts = 1, next_attempt_at = :now, lease_owner = null, lease_until = null, lease_epoch = lease_epoch + 1,
        finished_at = null, problem = :words
    where batch_id = :batch_id
    returning batch_id, message_ids
)
update engage.campaign_messages message
set state = 'claimed', reason = null, reason_detail = null, state_changed_at = :now
from reopened
where message.message_id = any(reopened.message_ids) and message.batch_id = reopened.batch_id and message.state in ('dead', 'unknown');

-- name: queue_anew(message_ids, words, now)
-- under a new key: whoever asks for it has been told that it may arrive twice
update engage.campaign_messages
set state = 'queued', batch_id = null, reason = null, reason_detail = :words, next_attempt_at = :now, state_changed_at = :now
where message_id = any(:message_ids) and state in ('dead', 'unknown');

-- name: reopen_runs(message_ids, deadline_at, now)
-- a run that ended is open again, as long as there is something to send
with reopened as (
    update engage.campaign_runs run
    set state = 'sending', finished_at = null, deadline_at = greatest(deadline_at, :deadline_at)
    from engage.campaign_messages message
    where message.message_id = any(:message_ids) and run.campaign_run_id = message.campaign_run_id
      and run.state in ('sending', 'finished')
    returning run.campaign_id
)
update engage.campaigns campaign
set state = 'sending', updated_at = :now
from reopened
where campaign.campaign_id = reopened.campaign_id and campaign.kind = 'broadcast' and campaign.state = 'finished';

-- name: settle_unknown(before, not_this, now)
-- 48 hours and no word: what the provider's policy says. What it took under the same key with another body waits for a person
with old as (
    select message.message_id, message.batch_id, policy.unknown_policy
    from engage.campaign_messages message
    join engage.channel_providers policy using (provider)
    join engage.campaign_runs run using (campaign_run_id)
    where message.state = 'unknown' and message.state_changed_at < :before and policy.unknown_policy <> 'ask'
      and message.reason is distinct from :not_this
      and not (policy.unknown_policy = 'send_again' and run.state = 'cancelled')
    for update of message skip locked
)
update engage.campaign_messages message
set state = case old.unknown_policy when 'treat_as_sent' then 'sent' else 'queued' end,
    batch_id = case old.unknown_policy when 'treat_as_sent' then message.batch_id end,
    sent_at = case old.unknown_policy when 'treat_as_sent' then message.state_changed_at end,
    sent_learned_at = case old.unknown_policy when 'treat_as_sent' then :now::timestamptz end,
    reason = case old.unknown_policy when 'treat_as_sent' then 'assumed sent' end,
    reason_detail = case old.unknown_policy when 'treat_as_sent' then 'nobody told its fate within 48 hours' end,
    next_attempt_at = :now, state_changed_at = :now
from old
where message.message_id = old.message_id
returning message.message_id, message.state;
