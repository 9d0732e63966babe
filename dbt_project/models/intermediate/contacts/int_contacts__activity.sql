{{ contact_activity(ref("events")) }}
