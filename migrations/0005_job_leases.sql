-- +goose Up
-- A running job holds a lease and renews it. One that lapses belongs to a dead
-- worker; its number fences what that worker may still try to write.
create sequence job_lease_numbers;

create table job_leases (
    job_id     bigint primary key,
    number     bigint not null unique,
    expires_at timestamptz not null
);
create index job_leases_expiry on job_leases (expires_at);

-- +goose Down
drop table job_leases;
drop sequence job_lease_numbers;
