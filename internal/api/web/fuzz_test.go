package web_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/web"
)

func FuzzBody(f *testing.F) {
	b := setup(f, smallContract, nil)
	full := loadFull(f, smallContract)
	for _, seed := range []string{lamp, "", "null", `{"name":"\ud83d\ude00\u0041"}`, `[1e400,-0.0,"\u0000"]`, `{"a":{"a":1,"a":2}}`, "{\"\xff\":1}", `{"kind":7.0,"size":1e2,"name":"ab"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer := b.do(request(http.MethodPost, "/api/v2/things", string(body)))
		switch answer.Code {
		case http.StatusOK:
			decoder := json.NewDecoder(bytes.NewReader(body))
			decoder.UseNumber()
			var value any
			require.NoError(t, decoder.Decode(&value))
			require.True(t, full.valid(t, "/components/schemas/Thing", value), "%q", body)
			require.JSONEq(t, string(body), answer.Body.String())
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			readProblem(t, answer)
		default:
			require.Failf(t, "unexpected status", "%d for %q", answer.Code, body)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{lamp, `{"a":[1,2.0,-3e2,"\u00e9\n",{"b":null}]}`, `"\ud800\udc00"`, `[[[]]]`, `1e-400`, ` 0 `, `-0.0e-999999`, `[9223372036854775807.0,1E18]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, kept, err := web.Decode(text)
		if err != nil {
			return
		}
		require.Equal(t, string(text), kept)
		require.True(t, json.Valid(text))
		again, err := json.Marshal(got)
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(again))
	})
}
