package fluentpro_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	openapi_types "github.com/oapi-codegen/runtime/types"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	fluentpro "github.com/fluentpro/fluentpro/sdk/go"
)

func TestMain(m *testing.M) { apitest.Main(m) }

// breaking is a network that fails as told, and remembers what was asked.
type breaking struct {
	next http.RoundTripper

	mu    sync.Mutex
	asked []*http.Request
	// fails, one a request in turn: nil, or what becomes of it.
	fails []func(*http.Request, http.RoundTripper) (*http.Response, error)
}

// RoundTrip sends the request, or does what the next failure does.
func (b *breaking) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.asked = append(b.asked, r)
	var fail func(*http.Request, http.RoundTripper) (*http.Response, error)
	if len(b.fails) > 0 {
		fail, b.fails = b.fails[0], b.fails[1:]
	}
	b.mu.Unlock()
	if fail != nil {
		return fail(r, b.next)
	}
	return b.next.RoundTrip(r)
}

// times is how often something was asked for.
func (b *breaking) times(method, suffix string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.asked {
		if r.Method == method && strings.HasSuffix(r.URL.Path, suffix) {
			n++
		}
	}
	return n
}

var errNetwork = errors.New("the network is gone")

// lost lets the request through and loses the answer.
func lost(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	answer, err := next.RoundTrip(r)
	if err == nil {
		_ = answer.Body.Close()
	}
	return nil, errNetwork
}

// cut loses the connection after so many events.
func cut(events int) func(*http.Request, http.RoundTripper) (*http.Response, error) {
	return func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		answer, err := next.RoundTrip(r)
		if err == nil {
			answer.Body = &cutting{ReadCloser: answer.Body, left: events}
		}
		return answer, err
	}
}

// cutting is a body that is lost after so many events, byte by byte.
type cutting struct {
	io.ReadCloser
	left int
	last byte
}

// Read reads one byte; an event ends with an empty line after a line of data.
func (c *cutting) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, errNetwork
	}
	n, err := c.ReadCloser.Read(b[:1])
	if n == 1 {
		if b[0] == '\n' && c.last == '}' {
			c.left--
			n = copy(b, "\n\n") // the empty line comes with it
		}
		c.last = b[0]
	}
	return n, err
}

// account is somebody signed in at the shared service, through a network of their own.
func account(t *testing.T, s *apitest.Server, change ...func(*fluentpro.Config)) (*fluentpro.Client, *breaking) {
	t.Helper()
	network := &breaking{next: &http.Transport{}}
	cfg := fluentpro.Config{URL: s.URL, HTTP: &http.Client{Transport: network}}
	for _, c := range change {
		c(&cfg)
	}
	api, err := fluentpro.New(cfg)
	require.NoError(t, err)
	made, err := api.SignUpWithResponse(t.Context(), nil, client.SignUpRequest{
		Email: openapi_types.Email(uuid.NewString() + "@example.com"), Password: apitest.Password, FullName: "Mei Chen",
	})
	require.NoError(t, err)
	api.Use(made.JSON201.Tokens)
	return api, network
}

// talk begins a conversation.
func talk(t *testing.T, api *fluentpro.Client) uuid.UUID {
	t.Helper()
	made, err := api.CreateConversationWithResponse(t.Context(), nil, client.CreateConversationRequest{PartnerID: "suppliers", SituationID: "negotiations"})
	require.NoError(t, err)
	return made.JSON201.ID
}

// script is a service that answers requests in turn; the last answer is for all that follow.
type script struct {
	mu      sync.Mutex
	answers []func(*http.Request) (*http.Response, error)
	asked   []*http.Request
}

// RoundTrip gives the next answer.
func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r)
	next := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return next(r)
}

// scripted is a client of a script.
func scripted(t *testing.T, answers ...func(*http.Request) (*http.Response, error)) (*fluentpro.Client, *script) {
	t.Helper()
	s := &script{answers: answers}
	api, err := fluentpro.New(fluentpro.Config{
		URL: "http://service.test", HTTP: &http.Client{Transport: s},
		Tokens: client.Tokens{AccessToken: "first", RefreshToken: "refresh"},
	})
	require.NoError(t, err)
	return api, s
}

// answer is a response of this status and kind.
func answer(status int, kind, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {kind}}
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: &content{Reader: strings.NewReader(body), ctx: r.Context()}, Request: r}, nil
	}
}

func problem(status int, code string, headers ...string) func(*http.Request) (*http.Response, error) {
	return answer(status, "application/problem+json", fmt.Sprintf(`{"status":%d,"code":%q,"detail":"No.","request_id":"r1"}`, status, code), headers...)
}

// events is a stream that ends after these, or then says no more.
func events(lines ...string) func(*http.Request) (*http.Response, error) {
	return answer(http.StatusOK, "text/event-stream", strings.Join(lines, ""), "Location", "/api/v2/conversations/"+uuid.Nil.String()+"/messages/"+replyID.String())
}

var replyID = uuid.MustParse("019a2b4e-5c00-7000-8000-000000000005")

func event(id, kind, fields string) string {
	text := "event: " + kind + "\n"
	if id != "" {
		text += "id: " + id + "\n"
	}
	return text + `data: {"type":"` + kind + `",` + fields + "}\n\n"
}

func started(id, text string) string {
	return event(id, "message.started", fmt.Sprintf(`"message_id":%q,"conversation_id":%q,"attempt":1,"text":%q`, replyID, uuid.Nil, text))
}

func delta(id, text string) string {
	return event(id, "message.delta", fmt.Sprintf(`"message_id":%q,"text":%q`, replyID, text))
}

func completed(id, text string) string {
	return event(id, "message.completed", fmt.Sprintf(`"message":{"id":%q,"content":%q}`, replyID, text))
}

// content is one whose reading ends with its request.
type content struct {
	io.Reader
	ctx   context.Context
	quiet bool // at its end it says nothing, as a dead connection does
}

// Read reads, or waits for the request's end.
func (b *content) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) && b.quiet {
		<-b.ctx.Done()
		return n, context.Cause(b.ctx)
	}
	return n, err
}

// Close does nothing.
func (b *content) Close() error { return nil }

// silent is a stream that says no more after these lines.
func silent(lines ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{}, Request: r,
			Body: &content{Reader: bytes.NewBufferString(strings.Join(lines, "")), ctx: r.Context(), quiet: true},
		}, nil
	}
}
