package eventlog

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	resumePage  = 1_000 // entries of one Resume, and the default of Range
	catchUpPage = 256   // entries of one page that a subscription fetches by itself
)

// Entry is one entry of a log. Subscribers of one stream share its bytes: they
// are read only.
type Entry struct {
	ID   ID
	Data []byte
	memo *memo
}

type memo struct {
	once  sync.Once
	value any
}

// Memo returns what compute made of the entry, calling it once for all
// subscribers of this node that got the entry from the same read: the place for
// a frame encoded once and written a thousand times. All callers must pass the
// same function for it to mean anything.
func (e Entry) Memo(compute func() any) any {
	e.memo.once.Do(func() { e.memo.value = compute() })
	return e.memo.value
}

// Range returns up to limit entries after the id, oldest first; 0 or less means
// 1,000. It does not say whether entries between were trimmed: Resume does. It
// answers ErrUnavailable or ctx's own error.
func (l *Log) Range(ctx context.Context, stream string, after ID, limit int) ([]Entry, error) {
	if limit <= 0 {
		limit = resumePage
	}
	return l.fetch(ctx, stream, "("+after.String(), "+", limit)
}

// Newest returns the entry that the log ends with, and whether there is one. Who
// has the whole state from elsewhere follows after it, and not from the log's
// beginning. It answers ErrUnavailable or ctx's own error.
func (l *Log) Newest(ctx context.Context, stream string) (Entry, bool, error) {
	callCtx, cancel := l.call(ctx)
	defer cancel()
	messages, err := l.client.XRevRangeN(callCtx, l.key(stream), "+", "-", 1).Result()
	if err != nil {
		return Entry{}, false, unavailable(ctx, "read the end of "+stream, err)
	}
	if len(messages) == 0 {
		return Entry{}, false, nil
	}
	return toEntries(messages)[0], true, nil
}

// Has reports whether the entry is in the log, so that following after it leaves
// no hole. The zero ID is always there.
func (l *Log) Has(ctx context.Context, stream string, id ID) (bool, error) {
	if id.IsZero() {
		return true, nil
	}
	entries, err := l.fetch(ctx, stream, id.String(), id.String(), 1)
	return len(entries) == 1, err
}

// Exists reports whether the stream has a log at all.
func (l *Log) Exists(ctx context.Context, stream string) (bool, error) {
	callCtx, cancel := l.call(ctx)
	defer cancel()
	n, err := l.client.Exists(callCtx, l.key(stream)).Result()
	if err != nil {
		return false, unavailable(ctx, "look up "+stream, err)
	}
	return n > 0, nil
}

// Resumed is what a reader that was away has missed.
type Resumed struct {
	Entries   []Entry
	Restarted bool // the entry it had seen is gone: Entries is the log from its beginning
	More      bool // there are more: follow after the last of Entries
}

// Resume returns what follows the entry after, if the log still holds that
// entry; if not, it returns the log from its beginning and says Restarted, and
// what the reader had is to be replaced (Entries is empty when the log is gone).
// It returns 1,000 entries at most. It takes one round trip, two to restart.
func (l *Log) Resume(ctx context.Context, stream string, after ID) (Resumed, error) {
	entries, found, err := l.page(ctx, stream, after, resumePage)
	if err == nil && !found {
		entries, _, err = l.page(ctx, stream, ID{}, resumePage)
	}
	if err != nil {
		return Resumed{}, err
	}
	return Resumed{Entries: entries, Restarted: !found, More: len(entries) == resumePage}, nil
}

// page returns up to limit entries after the id and whether the log holds the
// entry of that id. It asks for that entry too, so that one answer tells both.
func (l *Log) page(ctx context.Context, stream string, after ID, limit int) (entries []Entry, found bool, err error) {
	if after.IsZero() {
		entries, err = l.fetch(ctx, stream, "-", "+", limit)
		return entries, true, err
	}
	entries, err = l.fetch(ctx, stream, after.String(), "+", limit+1)
	if err != nil || len(entries) == 0 || entries[0].ID != after {
		return nil, false, err
	}
	return entries[1:], true, nil
}

func (l *Log) fetch(ctx context.Context, stream, from, to string, limit int) ([]Entry, error) {
	callCtx, cancel := l.call(ctx)
	defer cancel()
	messages, err := l.client.XRangeN(callCtx, l.key(stream), from, to, int64(limit)).Result()
	if err != nil {
		return nil, unavailable(ctx, "read "+stream, err)
	}
	return toEntries(messages), nil
}

// toEntries trusts the form of the ids: Redis made them.
func toEntries(messages []redis.XMessage) []Entry {
	entries := make([]Entry, len(messages))
	memos := make([]memo, len(messages))
	for i, m := range messages {
		id, _ := ParseID(m.ID)
		data, _ := m.Values[fieldEntry].(string)
		entries[i] = Entry{ID: id, Data: []byte(data), memo: &memos[i]}
	}
	return entries
}
