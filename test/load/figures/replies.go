package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// Five hundred replies at once, each of tokens that say when they were sent. They begin one
// after the other, as those of people do; what is looked at is the time in which all are
// being written.
const (
	streaming = 500
	tokens    = 400
	tokenGap  = 50 * time.Millisecond
	oneBegins = 10 * time.Millisecond // after the other
	lookFrom  = 8 * time.Second       // after the first began
	lookFor   = 10 * time.Second
	stamps    = "/stamps" // the path of the model that does so
)

// stampModel streams tokens that hold the time at which each was written.
func stampModel(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	chunk := func(content, reason string) error {
		if _, err := fmt.Fprintf(w, `data: {"id":"1","object":"chat.completion.chunk","model":"figures","choices":[{"index":0,"delta":{"content":%q},"finish_reason":%s}]}`+"\n\n", content, reason); err != nil {
			return err
		}
		return out.Flush()
	}
	for range tokens {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(tokenGap):
		}
		if chunk(" "+strconv.FormatInt(time.Now().UnixNano(), 10), "null") != nil {
			return
		}
	}
	_ = chunk("", `"stop"`) // who reads has left or has all
	_, _ = fmt.Fprint(w, "data: [DONE]\n\n")
}

// manyReplies measures how much later than the model says it each token is heard.
func (s *stage) manyReplies(ctx context.Context) error {
	node, _, err := s.serve(ctx, "FLUENTPRO_MODEL_BASE_URL="+s.model.url+stamps+"/v1")
	if err != nil {
		return err
	}
	people, err := s.crowd(ctx, streaming/ofOne+1)
	if err != nil {
		return err
	}
	ours, cpu, err := heardBySockets(ctx, node, people)
	if err != nil {
		return err
	}
	direct, err := s.heardFromModel(ctx)
	if err != nil {
		return err
	}
	say("each token over the model's own, 500 replies at once", fmt.Sprintf("%.1f / %.1f ms", inMS(quantile(0.5, ours)-quantile(0.5, direct)), inMS(quantile(0.99, ours)-quantile(0.99, direct))), "1 / 6 ms",
		fmt.Sprintf("p50 / p99 of %d by WebSocket %.1f / %.1f, less those of the same model read directly %.1f / %.1f; CPU of the node %.0f us a token (<= 60)",
			len(ours), inMS(quantile(0.5, ours)), inMS(quantile(0.99, ours)), inMS(quantile(0.5, direct)), inMS(quantile(0.99, direct)), float64(cpu.Microseconds())/float64(len(ours))))
	return node.stop()
}

// latencies collects how late stamps are, while it is looked at them.
type latencies struct {
	from time.Time
	mu   sync.Mutex
	all  []time.Duration
}

func (l *latencies) take(text []byte) {
	now := time.Now()
	if since := now.Sub(l.from); since < 0 || since > lookFor {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, word := range bytes.Fields(text) {
		if at, err := strconv.ParseInt(string(word), 10, 64); err == nil {
			l.all = append(l.all, time.Duration(now.UnixNano()-at))
		}
	}
}

// talk is a conversation that a socket is subscribed to.
type talk struct {
	socket *socket
	id     string
}

func heardBySockets(ctx context.Context, node *child, people []string) (_ []time.Duration, cpu time.Duration, err error) {
	talks := make([]talk, streaming)
	defer func() {
		for _, t := range talks {
			if t.socket != nil {
				_ = t.socket.conn.Close() // it has done its part
			}
		}
	}()
	err = inParallel(ctx, clients, func(ctx context.Context, w int) (err error) {
		for i := w; i < streaming && err == nil; i += clients {
			talks[i], err = openTalk(ctx, node, people[i/ofOne])
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	l := latencies{from: time.Now().Add(lookFrom)}
	used := make(chan error, 1)
	go func() {
		var err error
		cpu, err = cpuOver(ctx, node, lookFrom, lookFor)
		used <- err
	}()
	err = inParallel(ctx, streaming, func(ctx context.Context, i int) error {
		if err := pause(ctx, time.Duration(i)*oneBegins); err != nil {
			return err
		}
		return talks[i].hear(i, &l)
	})
	return l.all, cpu, errors.Join(err, <-used)
}

// cpuOver is what a process uses for so long, later.
func cpuOver(ctx context.Context, node *child, wait, long time.Duration) (time.Duration, error) {
	if err := pause(ctx, wait); err != nil {
		return 0, err
	}
	before, err := node.cpu()
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, long); err != nil {
		return 0, err
	}
	after, err := node.cpu()
	return after - before, err
}

func openTalk(ctx context.Context, node *child, token string) (t talk, err error) {
	if t.socket, err = openSocket(ctx, node.url, token, 4<<10); err != nil {
		return t, err
	}
	if t.id, err = startTalk(ctx, node, token); err != nil {
		return t, err
	}
	return t, t.socket.call(fmt.Sprintf(`{"id":"1","subscribe":{"topic":"conversation:%s"}}`, t.id))
}

// hear says something and reads the reply to its end.
func (t talk) hear(i int, l *latencies) error {
	err := t.socket.send(fmt.Appendf(nil, `{"id":"2","send_message":{"conversation_id":%q,"content":"Hello","idempotency_key":"1-%d"}}`, t.id, i))
	for err == nil {
		var text []byte
		text, err = t.socket.next()
		switch {
		case err != nil:
		case bytes.Contains(text, []byte(`"message.completed"`)):
			return nil
		case bytes.Contains(text, []byte(`"message.delta"`)):
			_, said, _ := bytes.Cut(text, []byte(`"text":"`))
			said, _, _ = bytes.Cut(said, []byte(`"`))
			l.take(said)
		case bytes.Contains(text, []byte(`"error":`)), bytes.Contains(text, []byte(`"message.failed"`)):
			err = fmt.Errorf("reply: %s", text)
		}
	}
	return err
}

func startTalk(ctx context.Context, node *child, token string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, node.url+"/api/v2/conversations", bytes.NewReader([]byte(`{"partner_id":"suppliers","situation_id":"negotiations"}`)))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // it is read whole
	var c apiv2.Conversation
	if err := json.NewDecoder(response.Body).Decode(&c); err != nil || response.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("start a conversation: %s %w", response.Status, err)
	}
	return c.ID.String(), nil
}

// heardFromModel reads the same streams without us.
func (s *stage) heardFromModel(ctx context.Context) ([]time.Duration, error) {
	l := latencies{from: time.Now().Add(lookFrom)}
	err := inParallel(ctx, streaming, func(ctx context.Context, i int) error {
		if err := pause(ctx, time.Duration(i)*oneBegins); err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.model.url+stamps+"/v1/chat/completions", http.NoBody)
		if err != nil {
			return err
		}
		response, err := s.http.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }() // read to its end
		for events := sse.NewReader(response.Body); ; {
			e, err := events.Next()
			if err != nil || string(e.Data) == "[DONE]" {
				return err
			}
			if i := bytes.Index(e.Data, []byte(`"content":"`)); i >= 0 {
				text, _, _ := bytes.Cut(e.Data[i+len(`"content":"`):], []byte(`"`))
				l.take(text)
			}
		}
	})
	return l.all, err
}
