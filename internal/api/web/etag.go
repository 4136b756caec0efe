package web

import (
	"strings"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// NotModified reports that one of the entity tags of an If-None-Match header is
// etag, by the weak comparison of RFC 9110, section 13.1.2, or that the header
// is `*`: the answer is then 304. What cannot be read of the header matches
// nothing. etag is as in the ETag header, with its quotes.
func NotModified(ifNoneMatch, etag string) bool {
	wanted := strings.TrimPrefix(etag, "W/")
	return etag != "" && listed(ifNoneMatch, func(tag string) bool { return strings.TrimPrefix(tag, "W/") == wanted })
}

// CheckMatch refuses a change unless one of the entity tags of an If-Match header
// is etag, by the strong comparison of RFC 9110, section 13.1.1, or the header is
// `*`. What cannot be read of the header matches nothing. Fault:
// request.precondition_failed.
func CheckMatch(ifMatch, etag string) error {
	strong := !strings.HasPrefix(etag, "W/")
	if strong && listed(ifMatch, func(tag string) bool { return tag == etag }) {
		return nil
	}
	return fault.New(fault.Precondition, "request.precondition_failed", "It has changed since; read it again.")
}

// listed reports that the header is `*` or lists a tag that is asked for.
func listed(header string, is func(tag string) bool) bool {
	rest := strings.TrimSpace(header)
	if rest == "*" {
		return true
	}
	for rest != "" {
		rest = strings.TrimLeft(rest, " \t,")
		weak := strings.TrimPrefix(rest, "W/")
		if !strings.HasPrefix(weak, `"`) {
			return false
		}
		end := strings.IndexByte(weak[1:], '"')
		if end < 0 {
			return false
		}
		length := len(rest) - len(weak) + end + 2
		if is(rest[:length]) {
			return true
		}
		rest = strings.TrimLeft(rest[length:], " \t")
		if rest != "" && rest[0] != ',' {
			return false
		}
	}
	return false
}
