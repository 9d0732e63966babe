{{
    config(
        materialized="incremental",
        incremental_strategy="diff",
        unique_key="contact_id",
        on_schema_change="append_new_columns",
        indexes=[{"columns": ["contact_id"], "unique": true}, {"columns": ["email"]}],
    )
}}

{{ contacts_of(ref("stg_crm__customers")) }}
