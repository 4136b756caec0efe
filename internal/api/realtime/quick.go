package realtime

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// quickEcho takes an echo command apart, and makes nothing of what is only passed on: a
// frame costs 1 us so, against 8 us through the decoder and the schema. It gives nothing for
// any other command, for one that is written in an unusual way, and for what is no JSON:
// all that is for the long way, which refuses it or not.
func quickEcho(text []byte) (id, echoed []byte) {
	if !bytes.Contains(text, []byte(`"echo"`)) || !utf8.Valid(text) || !json.Valid(text) {
		return nil, nil
	}
	at := skipSpace(text, 0)
	for _, before := range []byte("{,") {
		if text[at] != before {
			return nil, nil
		}
		key, next := member(text, skipSpace(text, at+1))
		begin := skipSpace(text, next)
		if key == nil {
			return nil, nil
		}
		end, ok := skipValue(text, begin)
		if !ok {
			return nil, nil
		}
		switch value := text[begin:end]; string(key) {
		case "id":
			if len(value) < 3 || len(value) > 66 || value[0] != '"' || !plain(value[1:len(value)-1]) {
				return nil, nil
			}
			id = value
		case "echo":
			echoed = value
		default:
			return nil, nil
		}
		at = skipSpace(text, end)
	}
	if text[at] != '}' || id == nil || echoed == nil {
		return nil, nil
	}
	return id, echoed
}

// member gives a name without escapes and where its value begins, in JSON that is valid.
func member(text []byte, at int) (name []byte, value int) {
	if text[at] != '"' {
		return nil, at
	}
	end := at + 1 + bytes.IndexByte(text[at+1:], '"')
	name = text[at+1 : end]
	if !plain(name) {
		return nil, at
	}
	return name, skipSpace(text, end+1) + 1 // over the colon
}

// plain reports that a text needs no decoding, and has as many characters as bytes.
func plain(text []byte) bool {
	for _, b := range text {
		if b == '\\' || b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n') {
		at++
	}
	return at
}

// maxDepth is how deep a frame may be nested, as the decoder has it.
const maxDepth = 60

// skipValue gives where a value ends in JSON that is valid; not ok: it is nested deeply.
func skipValue(text []byte, at int) (end int, ok bool) {
	depth := 0
	for i := at; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1, true
			}
		case '{', '[':
			if depth++; depth > maxDepth {
				return 0, false
			}
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, true
			} else if depth < 0 { // the end of what the value is in
				return i, true
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i, true
			}
		}
	}
	return len(text), true
}
