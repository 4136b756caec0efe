package web

import "strings"

// NotModified reports that one of the entity tags of an If-None-Match header is
// etag, by the weak comparison of RFC 9110, section 13.1.2, or that the header
// is `*`: the answer is then 304. What cannot be read of the header matches
// nothing. etag is as in the ETag header, with its quotes.
func NotModified(ifNoneMatch, etag string) bool {
	if etag == "" {
		return false
	}
	rest := strings.TrimSpace(ifNoneMatch)
	if rest == "*" {
		return true
	}
	wanted := strings.TrimPrefix(etag, "W/")
	for rest != "" {
		rest = strings.TrimPrefix(strings.TrimLeft(rest, " \t,"), "W/")
		if !strings.HasPrefix(rest, `"`) {
			return false
		}
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return false
		}
		if rest[:end+2] == wanted {
			return true
		}
		rest = strings.TrimLeft(rest[end+2:], " \t")
		if rest != "" && rest[0] != ',' {
			return false
		}
	}
	return false
}
