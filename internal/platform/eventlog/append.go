package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Fields of an entry in Redis. The script knows them by place: f first.
const (
	fieldFence = "f"
	fieldEntry = "e"
)

// Answers of the script that are not an id.
const (
	answerFenced   = "fenced"
	answerDiverged = "diverged"
)

// appendScript checks and appends in one step, so that of two writers one wins.
// KEYS: the log. ARGV: fence, the id it must end with or empty, cap, TTL in
// milliseconds, entry. Fences are compared as decimal text, because a number of
// Lua is exact only up to 2^53.
const appendScript = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id = '0-0'
if last then
  id = last[1]
  local held, given = last[2][2], ARGV[1]
  if #held > #given or (#held == #given and held > given) then return 'fenced' end
end
if ARGV[2] ~= '' and ARGV[2] ~= id then return 'diverged ' .. id end
id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'f', ARGV[1], 'e', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return id
`

// AppendInput is one entry and the conditions under which it counts.
type AppendInput struct {
	Stream string
	Fence  int64  // the writer's fencing number, 0 or more; 0 where writers do not compete
	After  ID     // the entry that the log must end with: zero for none yet, AnyID for whichever
	Entry  []byte // at most Config.MaxEntry bytes; the log does not look into it

	Cap  int64         // entries that the log keeps at least; 0: Config.Cap
	Keep time.Duration // how long the log outlives this entry; 0: Config.TTL
}

// Append adds one entry in one round trip and returns its id. It answers
// ErrFenced, ErrDiverged, ErrTooLarge, ErrUnavailable, or ctx's own error; after
// the last two the entry may be in the log or not, which the next Append after
// a known id finds out. It is never sent twice. Every append renews the TTL.
func (l *Log) Append(ctx context.Context, in AppendInput) (ID, error) {
	id, err := l.append(ctx, in)
	l.metrics.countAppend(err)
	return id, err
}

func (l *Log) append(ctx context.Context, in AppendInput) (ID, error) {
	if len(in.Entry) > l.config.MaxEntry {
		return ID{}, fmt.Errorf("append to %s: %d bytes: %w", in.Stream, len(in.Entry), ErrTooLarge)
	}
	if in.Fence < 0 {
		return ID{}, fmt.Errorf("append to %s: a negative fence", in.Stream)
	}
	after := ""
	if in.After != AnyID {
		after = in.After.String()
	}
	callCtx, cancel := l.call(ctx)
	defer cancel()
	answer, err := l.runAppend(callCtx, l.key(in.Stream),
		strconv.FormatInt(in.Fence, 10), after, cmp.Or(in.Cap, l.config.Cap), cmp.Or(in.Keep, l.config.TTL).Milliseconds(), in.Entry)
	if err != nil {
		return ID{}, unavailable(ctx, "append to "+in.Stream, err)
	}
	return readAppended(in, answer)
}

// readAppended turns the script's answer into an id or the reason for none.
func readAppended(in AppendInput, answer string) (ID, error) {
	switch kind, end, _ := strings.Cut(answer, " "); kind {
	case answerFenced:
		return ID{}, fmt.Errorf("append to %s with fence %d: %w", in.Stream, in.Fence, ErrFenced)
	case answerDiverged:
		return ID{}, fmt.Errorf("append to %s: it ends at %s, not %s: %w", in.Stream, end, in.After, ErrDiverged)
	default:
		return ParseID(answer)
	}
}

func (l *Log) runAppend(ctx context.Context, key string, args ...any) (string, error) {
	answer, err := l.runOnce(ctx, "evalsha", l.script.Hash(), key, args)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		answer, err = l.runOnce(ctx, "eval", appendScript, key, args)
	}
	return answer, err
}

// once is a command that the client does not send again by itself: a second
// run of an append whose answer was lost would be a second entry, or a
// divergence that is none.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

func (l *Log) runOnce(ctx context.Context, name, script, key string, args []any) (string, error) {
	command := once{redis.NewCmd(ctx, append([]any{name, script, 1, key}, args...)...)}
	if err := l.client.Process(ctx, command); err != nil {
		return "", err
	}
	answer, ok := command.Val().(string)
	if !ok {
		return "", errors.New("the script answered something else than text")
	}
	return answer, nil
}
