package app

// A setting is what people need to know of one variable, beside its name, its type and its
// default, which are in Config.
type setting struct {
	name    string // without the prefix
	about   string // in Markdown
	example string // of a right value, as it would be written into a shell or a file
	instead string // where the default is more than a value, in Markdown
}

// A group of settings is a section of docs/environment.md.
type group struct {
	title    string
	settings []setting
}

// groups are all settings; a test holds them against Config.
func groups() []group {
	return []group{
		{"The process", []setting{
			{"ENV", "`development`, `test`, `staging` or `production`; only the first lets `dev` start embedded parts", "production", ""},
			{"LOG_LEVEL", "`debug`, `info`, `warn` or `error`", "info", ""},
			{"DATA_DIR", "where `dev` keeps its databases, its mails and its key", "/var/lib/fluentpro", ""},
		}},
		{"HTTP", []setting{
			{"HTTP_ADDR", "where the API listens", "0.0.0.0:8080", ""},
			{"TLS_CERT_FILE", "a PEM file with the certificate, and those between it and the root; with the key the API speaks TLS, and HTTP/2 with browsers", "/etc/fluentpro/tls.crt", ""},
			{"TLS_KEY_FILE", "a PEM file with the key that goes with the certificate", "/etc/fluentpro/tls.key", ""},
			{"ALLOWED_ORIGINS", "origins of browser pages, separated by commas, such as `https://app.example.com`", "https://app.example.com,https://admin.example.com", ""},
			{"TRUSTED_PROXIES", "networks whose `X-Forwarded-For` is believed, such as `10.0.0.0/8`", "10.0.0.0/8", ""},
		}},
		{"Stopping", []setting{
			{"DRAIN_DELAY", "how long `/readyz` fails before streams end, so that balancers notice", "5s", ""},
			{"DRAIN_LIMIT", "how long requests may take to finish, and jobs, replies included, before they are handed to other nodes", "20s", ""},
		}},
		{"Background work", []setting{
			{"SERVE_JOBS", "`false`: `serve` and `dev` leave background work (jobs, replies included, and events) to nodes that run `fluentpro worker`", "false", ""},
			{"QUEUES", "how many jobs of each queue this node works on at once; a queue that is not named keeps its default, `0` leaves it to other nodes; events are moved and handled by every node that works", "conversation:200,auth:0", "`auth:10,onboarding:10,conversation:500,maintenance:4`"},
		}},
		{"PostgreSQL and Redis", []setting{
			{"DATABASE_URL", "PostgreSQL 15 or newer, encoding UTF8", "postgres://fluentpro:PASSWORD@db.example.com:5432/fluentpro", "`dev`: its own"},
			{"REDIS_URL", "Redis 6.2 or newer: `redis://user:password@host:6379/0`, or `rediss://` for TLS; a Redis Cluster by some of its nodes, the first before the `?` and the others as `addr`, such as `redis://a:6379?addr=b:6379&addr=c:6379` (a single address of one is given twice)", "rediss://:PASSWORD@cache.example.com:6379/0", "`dev`: its own"},
		}},
		{"The model", []setting{
			{"MODEL_BASE_URL", "a server of the OpenAI protocol (chat completions, embeddings), up to `/v1`", "https://api.openai.com/v1", "`dev`: built in"},
			{"MODEL_API_KEY", "its key", "sk-...", ""},
			{"MODEL_NAME", "the model to ask for", "gpt-4o-mini", "`dev`: built in"},
			{"MODEL_PRICES", "what models cost, in dollars for a million tokens in and out, for the [metric](metrics.md) of costs: `gpt-4o=2.5/10,text-embedding-3-small=0.02/0`; of a model that is not named no cost is told", "gpt-4o-mini=0.15/0.6", ""},
			{"EMBEDDING_MODEL", "the model of the same server that embeds roles and descriptions of jobs; after a change the roles are embedded anew in the background, and the old index serves until then", "text-embedding-3-small", ""},
			{"EMBEDDING_DIMENSIONS", "how long the vectors are; `0` is as the model gives them, for models that take no such wish", "256", ""},
		}},
		{"Mail", []setting{
			{"SMTP_URL", "the mail server: `smtps://user:password@host:465`, or `smtp://user:password@host:587`, which turns to TLS before anything else is said; without a user, `?starttls=opportunistic` or `?starttls=off` allow a connection without", "smtps://fluentpro:PASSWORD@mail.example.com:465", "`dev`: a catcher with a page"},
			{"MAIL_FROM", "the sender of every mail", "FluentPro <no-reply@example.com>", "`FluentPro <no-reply@localhost>`; none in `staging` and `production`"},
		}},
		{"Metrics and alerts", []setting{
			{"MONITOR", "`false`: this node does not run probes, see [monitor](monitor.md)", "false", ""},
			{"METRICS_ADDR", "where [`/metrics`](metrics.md) is served, for Prometheus; `off` is nowhere; an address that is taken is logged and left", "0.0.0.0:9090", ""},
			{"ALERT_WEBHOOK_URL", "where changes of the service's state are told, signed by Standard Webhooks: `https://`, or `http://` to this machine (and in `development` and `test`); without user and fragment", "https://alerts.example.com/fluentpro", ""},
			{"ALERT_WEBHOOK_SECRET", "goes with it: `whsec_` and 24 to 64 random bytes in base64 (`echo whsec_$(openssl rand -base64 32)`)", "whsec_...", ""},
			{"ALERT_MAILS", "addresses that get a mail of each change, separated by commas", "ops@example.com,lead@example.com", ""},
		}},
		{"Limits", []setting{
			{"RATE_AUTH", "requests of one client address to sign-up, log-in, refresh, resets and verification: `requests/time`, all of them in a burst if need be, then refilled evenly; `0` is no limit", "30/1m", ""},
			{"RATE_API", "requests of one user to what no other limit is for", "600/1m", ""},
			{"RATE_MATCHING", "requests of one user to role matching", "30/1m", ""},
			{"RATE_MESSAGES", "requests of one user to createMessage", "60/1m", ""},
			{"RATE_ADMIN", "requests of one user to the operations for administrators", "60/1m", ""},
			{"RATE_REALTIME", "commands of one WebSocket, pings of the client included; who sends faster is closed (4029); counted for each connection on its node, not in Redis; `0` is no limit", "20/1s", ""},
			{"TOKENS_LEARNER_DAY", "tokens of the model that one learner may use in a day (UTC), by replies, learning plans and feedback; after that, messages are refused until the next, and plans and feedback are made by rules; what is under way when it is reached is finished; `0` is no limit", "300000", ""},
			{"TOKENS_SERVICE_DAY", "the same for all learners together; a soft limit: each node reads the sum every five seconds at most, and goes on while it cannot be read; `0` is no limit", "50000000", ""},
		}},
		{"Sign-in", []setting{
			{"AUTH_PROVIDER", "who keeps the passwords: `local` (we do) or `auth0`; see [accounts](accounts.md)", "auth0", ""},
			{"AUTH0_DOMAIN", "the tenant's own domain, such as `example.eu.auth0.com`", "example.eu.auth0.com", ""},
			{"AUTH0_CLIENT_ID", "the tenant's application that speaks for this service", "q3Xf...", ""},
			{"AUTH0_CLIENT_SECRET", "the secret of that application", "...", ""},
			{"AUTH0_CONNECTION", "the tenant's database connection", "Username-Password-Authentication", ""},
			{"AUTH0_AUDIENCE", "the identifier of the tenant's API; access tokens of the tenant must be for it", "https://api.example.com", ""},
		}},
		{"Tokens and keys", []setting{
			{"TOKEN_LIFETIME", "how long an access token is good, `1m` to `1h`", "15m", ""},
			{"TOKEN_ISSUER", "the `iss` of our tokens: the public URL, the same on all nodes", "https://api.example.com", "`http://` and the address; none in `staging` and `production`"},
			{"TOKEN_AUDIENCE", "the `aud` of our tokens", "fluentpro", ""},
			{"KEY_ENCRYPTION_KEY", "32 random bytes in base64 (`openssl rand -base64 32`); seals signing keys, and every other key is derived from it", "$(openssl rand -base64 32)", "`dev`: made once"},
		}},
		{"Backups", []setting{
			{"BLOB_URL", "where backups lie: a path or `file:///var/backups` for a directory, `s3://bucket?region=eu-central-1` for S3; for what speaks S3 elsewhere also `endpoint=`, `use_path_style=true`, `disable_https=true`. The keys of S3 come from where its own tools look (`AWS_ACCESS_KEY_ID` and so on)", "s3://fluentpro-backups?region=eu-central-1", "`backups` in the data folder"},
			{"BACKUP_RECIPIENT", "who can read backups: recipients of age-encryption.org (`age1...`), separated by commas; without one no backup is made, and the log says so. See [backup.md](backup.md)", "age1...", "`dev`: made once"},
			{"BACKUP_IDENTITY_FILE", "a file with an identity, so that `restoreBackup` can read backups; leave it out in production and restore from the command line", "/etc/fluentpro/backup-identity", "`dev`: made once"},
			{"BACKUP_FULL_EVERY", "how often a full backup is made; `0`: none by themselves", "168h", ""},
			{"BACKUP_EVERY", "how often what has come since is backed up; `0`: full ones alone", "24h", ""},
			{"BACKUP_KEEP", "how many full backups are kept, each with what builds upon it; `0`: any number", "4", ""},
			{"BACKUP_KEEP_FOR", "how long after its newest increment a full backup is kept; `0`: for ever. What was erased is in backups for this long", "840h", ""},
		}},
	}
}
