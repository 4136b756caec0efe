package v2

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// errStopping is the last line of an export whose node is being stopped.
var errStopping = fault.New(fault.Unavailable, "server.unavailable", "This node is being stopped; ask for the export again.")

// export answers with a large result as NDJSON, until it ends, the client
// leaves or the node is drained.
func export[Row, Key any](ctx context.Context, w http.ResponseWriter, s *Server, stream page.Stream[Row, Key]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.Draining, func() { cancel(errStopping) })()
	return stream.Serve(ctx, w, s.Exports, page.Options{HeadersOnly: web.HeadOnly(ctx)})
}

// The appenders below write members of a line as encoding/json does, without
// its allocations.

func appendUUID(dst []byte, id uuid.UUID) []byte {
	dst = append(dst, '"')
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		start := [...]int{0, 4, 6, 8, 10}[i]
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, id[start:end])
	}
	return append(dst, '"')
}

func appendUUIDOrNull(dst []byte, id *uuid.UUID) []byte {
	if id == nil {
		return append(dst, "null"...)
	}
	return appendUUID(dst, *id)
}

func appendTime(dst []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
}

// appendText leaves what must be escaped to encoding/json.
func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			escaped, _ := json.Marshal(s) // a string never fails
			return append(dst, escaped...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

func appendTextOrNull(dst []byte, s *string) []byte {
	if s == nil {
		return append(dst, "null"...)
	}
	return appendText(dst, *s)
}
