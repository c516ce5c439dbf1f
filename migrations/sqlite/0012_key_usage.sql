-- What a key used on a day of UTC, by the number of the day since 1970: the bytes it wrote, and how often it was told to wait.
create table key_usage (
    workspace_id text not null,
    public_id text not null references api_key (public_id),
    day integer not null,
    written_bytes integer not null,
    limited integer not null,
    primary key (workspace_id, public_id, day)
) strict;
