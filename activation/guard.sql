-- name: record(suite, passed, problem, expectations, failures, now)
insert into engage.data_test_results (suite, passed, problem, expectations, failures, checked_at)
values (:suite, :passed, :problem, :expectations, :failures, :now);

-- name: blocked_by(suites)
select wanted.suite, newest.problem, newest.suite is not null
from unnest(:suites::text[]) with ordinality as wanted (suite, position)
left join lateral (
    select result.suite, result.passed, result.problem
    from engage.data_test_results result
    where result.suite = wanted.suite
    order by result.checked_at desc, result.data_test_result_id desc
    limit 1
) newest on true
where newest.passed is not true
order by wanted.position
limit 1;
