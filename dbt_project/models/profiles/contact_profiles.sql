{{
    config(
        materialized="incremental",
        incremental_strategy="diff",
        unique_key="contact_id",
        on_schema_change="append_new_columns",
        indexes=[
            {"columns": ["contact_id"], "unique": true},
            {"columns": ["email text_pattern_ops"]},
            {"columns": ["lower(last_name) text_pattern_ops"]},
            {"columns": ["lower(first_name) text_pattern_ops"]},
            {"columns": ["country", "city"]},
        ],
    )
}}

{{ contact_profiles_of(
    ref("contacts"), ref("int_contacts__spending"), ref("int_contacts__open_deals"), ref("int_contacts__activity")
) }}
