"""Functions that SQL segments may call beside those that sqlglot knows as standard SQL: they compute, and touch nothing."""

ALLOWED_FUNCTIONS = frozenset(
    """
    age array_length array_position array_positions array_remove array_to_string ascii bit_length btrim cardinality char_length
    chr clock_timestamp concat concat_ws date_bin date_part date_trunc decode div encode every format ftod greatest
    hashtext hashtextextended initcap isfinite jsonb_array_elements jsonb_array_elements_text jsonb_array_length
    jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_exists jsonb_extract_path jsonb_extract_path_text
    jsonb_object_keys jsonb_path_exists jsonb_strip_nulls jsonb_typeof justify_days justify_hours least length lower
    lpad ltrim make_date make_interval make_timestamp make_timestamptz md5 mod mode now ntile octet_length overlay percent_rank
    percentile_cont percentile_disc position regexp_count regexp_instr regexp_like regexp_match regexp_matches
    regexp_replace regexp_split_to_array regexp_substr repeat replace reverse right round rpad rtrim scale sha256 sign split_part
    starts_with string_to_array strpos substr timezone to_char to_date to_number to_timestamp translate trim_scale trunc
    unaccent unnest upper width_bucket
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
