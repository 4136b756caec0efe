package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// Five hundred replies at once, each of tokens that say when they were sent.
const (
	streaming = 500
	tokens    = 100
	tokenGap  = 50 * time.Millisecond
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
	before, err := node.cpu()
	if err != nil {
		return err
	}
	ours, err := heardBySockets(ctx, node, people)
	if err != nil {
		return err
	}
	after, err := node.cpu()
	if err != nil {
		return err
	}
	direct, err := s.heardFromModel(ctx)
	if err != nil {
		return err
	}
	say("each token over the model's own, 500 replies at once", fmt.Sprintf("%.1f / %.1f ms", inMS(quantile(0.5, ours)-quantile(0.5, direct)), inMS(quantile(0.99, ours)-quantile(0.99, direct))), "1 / 6 ms",
		fmt.Sprintf("p50 / p99 of %d by WebSocket %.1f / %.1f, less those of the same model read directly %.1f / %.1f; CPU of the node %.0f us a token (<= 60), sending and storing included",
			len(ours), inMS(quantile(0.5, ours)), inMS(quantile(0.99, ours)), inMS(quantile(0.5, direct)), inMS(quantile(0.99, direct)), float64((after-before).Microseconds())/float64(len(ours))))
	return node.stop()
}

// latencies collects how late stamps are.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

func (l *latencies) take(text []byte) {
	now := time.Now().UnixNano()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, word := range bytes.Fields(text) {
		if at, err := strconv.ParseInt(string(word), 10, 64); err == nil {
			l.all = append(l.all, time.Duration(now-at))
		}
	}
}

func heardBySockets(ctx context.Context, node *child, people []string) ([]time.Duration, error) {
	var l latencies
	err := inParallel(ctx, streaming, func(ctx context.Context, i int) error {
		w, err := openSocket(ctx, node.url, people[i/ofOne], 4<<10)
		if err != nil {
			return err
		}
		defer func() { _ = w.conn.Close() }()
		c, err := startTalk(ctx, node, people[i/ofOne])
		if err != nil {
			return err
		}
		if err := w.call(fmt.Sprintf(`{"id":"1","subscribe":{"topic":"conversation:%s"}}`, c)); err != nil {
			return err
		}
		if err := w.send(fmt.Appendf(nil, `{"id":"2","send_message":{"conversation_id":%q,"content":"Hello","idempotency_key":"1-%d"}}`, c, i)); err != nil {
			return err
		}
		for {
			text, err := w.next()
			switch {
			case err != nil:
				return err
			case bytes.Contains(text, []byte(`"message.completed"`)):
				return nil
			case bytes.Contains(text, []byte(`"message.delta"`)):
				_, said, _ := bytes.Cut(text, []byte(`"text":"`))
				said, _, _ = bytes.Cut(said, []byte(`"`))
				l.take(said)
			case bytes.Contains(text, []byte(`"error":`)), bytes.Contains(text, []byte(`"message.failed"`)):
				return fmt.Errorf("reply: %s", text)
			}
		}
	})
	return l.all, err
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
	var l latencies
	err := inParallel(ctx, streaming, func(ctx context.Context, _ int) error {
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
