package realtime

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheQuickWayIsTheLongWay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		`{"id":"1","echo":1}`:                             {`"1"`, `1`},
		"\t{ \"echo\" : [1,\"]\"] , \"id\" : \"a b\" }\n": {`"a b"`, `[1,"]"]`},
		`{"id":"1","echo":{"a":"\"}","b":[{}]}}`:          {`"1"`, `{"a":"\"}","b":[{}]}`},
		`{"id":"1","echo":null}`:                          {`"1"`, `null`},
		`{"id":"1","echo":"\\"}`:                          {`"1"`, `"\\"`},
		`{"id":"1","ping":{}}`:                            {},
		`{"id":"","echo":1}`:                              {},
		`{"id":1,"echo":1}`:                               {},
		`{"id":"\u0031","echo":1}`:                        {},
		`{"id":"1","id":"2","echo":1}`:                    {},
		`{"id":"1","echo":1,"ping":{}}`:                   {},
		`{"id":"1","echo":1`:                              {},
		`{"echo":1}`:                                      {},
		`["echo"]`:                                        {},
		`"echo"`:                                          {},
		`{"id":"1","\u0065cho":1,"echo":2}`:               {},
		"{\"id\":\"1\",\"echo\":\"\xff\"}":                {},
	} {
		id, echoed := quickEcho([]byte(text))
		require.Equal(t, want, [2]string{string(id), string(echoed)}, text)
	}
}

// Whatever is sent: the quick way takes nothing that is no command, and gives back what the
// decoder of the standard library sees in it.
func FuzzQuickEcho(f *testing.F) {
	f.Add([]byte(`{"id":"1","echo":{"a":[1,2,{"b":"\"c"}]}}`))
	f.Add([]byte(`{"echo":-1.5e3,"id":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		id, echoed := quickEcho(text)
		if id == nil {
			return
		}
		var cmd map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(text, &cmd))
		require.Len(t, cmd, 2)
		require.Equal(t, string(cmd["id"]), string(id))
		require.Equal(t, string(cmd["echo"]), string(echoed))
	})
}
