package llm

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// statusError is a provider's refusal. It keeps the words of the protocol only:
// a provider's sentence may quote the key or the learner.
type statusError struct {
	status     int
	retryAfter time.Duration // 0: not stated
	kind       string        // error.type of the protocol
	code       string        // error.code
	param      string        // error.param
	requestID  string        // the provider's, to ask them about
}

func (e *statusError) Error() string {
	text := "status " + strconv.Itoa(e.status)
	for _, part := range []struct{ name, value string }{
		{"type", e.kind}, {"code", e.code}, {"param", e.param}, {"request", e.requestID},
	} {
		if part.value != "" {
			text += fmt.Sprintf(", %s %s", part.name, part.value)
		}
	}
	return text
}

// readStatus takes what a refusal says about itself. A body that says nothing
// usable is no further fault: the status is enough.
func readStatus(res *http.Response) *statusError {
	e := &statusError{
		status:     res.StatusCode,
		retryAfter: readRetryAfter(res.Header, time.Now()),
		requestID:  slug(res.Header.Get("X-Request-Id")),
	}
	var body struct {
		Error struct {
			Type  any `json:"type"`
			Code  any `json:"code"`
			Param any `json:"param"`
		} `json:"error"`
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
	if err == nil && json.Unmarshal(raw, &body) == nil {
		e.kind, e.code, e.param = slug(body.Error.Type), slug(body.Error.Code), slug(body.Error.Param)
	}
	return e
}

// slug gives v if it is a short word of the protocol, else nothing.
func slug(v any) string {
	s := ""
	switch v := v.(type) {
	case string:
		s = v
	case float64, int:
		s = fmt.Sprint(v)
	}
	if len(s) > 64 {
		return ""
	}
	for _, r := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]", r) {
			return ""
		}
	}
	return s
}

// readRetryAfter understands seconds and dates (RFC 9110, 10.2.3) and OpenAI's
// Retry-After-Ms, which is the finer of the two when both are there.
func readRetryAfter(h http.Header, now time.Time) time.Duration {
	const most = 24 * time.Hour // nothing larger means anything to a learner
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 {
		return min(time.Duration(min(ms, 1e9))*time.Millisecond, most)
	}
	value := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(value, 64); err == nil && s > 0 {
		return min(time.Duration(min(s, 1e6)*float64(time.Second)), most)
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), most)
	}
	return 0
}
