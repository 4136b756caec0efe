package partner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	maxControlBody = 1 << 20
	maxSteps       = 1000 // waiting at once
	maxDelay       = 10 * time.Minute
)

// controlStep is a Step as /control takes it: times in milliseconds, no Gate.
type controlStep struct {
	Text         string `json:"text"`
	FinishReason string `json:"finish_reason"`
	OmitUsage    bool   `json:"omit_usage"`
	Status       int    `json:"status"`
	RetryAfterMS int64  `json:"retry_after_ms"`
	DelayMS      int64  `json:"delay_ms"`
	TokenDelayMS int64  `json:"token_delay_ms"`
	BreakAfter   int    `json:"break_after"`
	SilentAfter  int    `json:"silent_after"`
	Endless      bool   `json:"endless"`
	Garbage      bool   `json:"garbage"`
	ContentType  string `json:"content_type"`
}

// parseControl reads the body of POST /control: steps for chat and for embeddings.
func parseControl(r io.Reader) (chat, embeddings []Step, err error) {
	var body struct {
		Steps          []controlStep `json:"steps"`
		EmbeddingSteps []controlStep `json:"embedding_steps"`
	}
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		return nil, nil, fmt.Errorf("read steps: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("read steps: something follows the object")
	}
	if chat, err = steps(body.Steps, controlStep.step); err == nil {
		embeddings, err = steps(body.EmbeddingSteps, controlStep.embeddingStep)
	}
	return chat, embeddings, err
}

func steps(list []controlStep, read func(controlStep) (Step, error)) ([]Step, error) {
	if len(list) > maxSteps {
		return nil, fmt.Errorf("read steps: more than %d", maxSteps)
	}
	steps := make([]Step, len(list))
	for i, c := range list {
		step, err := read(c)
		if err != nil {
			return nil, fmt.Errorf("read step %d: %w", i, err)
		}
		steps[i] = step
	}
	return steps, nil
}

func (c controlStep) step() (Step, error) {
	if c.Status != 0 && (c.Status < 300 || c.Status > 599) {
		return Step{}, errors.New("status must be 300 to 599, or 0 for an answer")
	}
	if c.BreakAfter < -1 || c.SilentAfter < -1 {
		return Step{}, errors.New("break_after and silent_after start at -1")
	}
	for _, r := range c.ContentType {
		if r < ' ' || r > '~' {
			return Step{}, errors.New("content_type must be plain ASCII")
		}
	}
	step := Step{
		Text: c.Text, FinishReason: c.FinishReason, OmitUsage: c.OmitUsage, Status: c.Status,
		BreakAfter: c.BreakAfter, SilentAfter: c.SilentAfter, Endless: c.Endless,
		Garbage: c.Garbage, ContentType: c.ContentType,
	}
	for _, t := range []struct {
		ms int64
		to *time.Duration
	}{{c.RetryAfterMS, &step.RetryAfter}, {c.DelayMS, &step.Delay}, {c.TokenDelayMS, &step.TokenDelay}} {
		if t.ms < 0 || t.ms > maxDelay.Milliseconds() {
			return Step{}, fmt.Errorf("a time must be 0 to %d ms", maxDelay.Milliseconds())
		}
		*t.to = time.Duration(t.ms) * time.Millisecond
	}
	return step, nil
}

// embeddingStep refuses what would have no effect, so that nobody waits for it.
func (c controlStep) embeddingStep() (Step, error) {
	if c.Text != "" || c.FinishReason != "" || c.TokenDelayMS != 0 || c.Endless {
		return Step{}, errors.New("text, finish_reason, token_delay_ms and endless are for chat")
	}
	return c.step()
}

// control answers POST /control with the number of steps now waiting.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	chat, embeddings, err := parseControl(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err != nil {
		writeError(w, invalid("steps", err.Error()))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.script)+len(chat) > maxSteps || len(s.embeddingScript)+len(embeddings) > maxSteps {
		writeError(w, invalid("steps", fmt.Sprintf("more than %d steps are waiting", maxSteps)))
		return
	}
	s.script = append(s.script, chat...)
	s.embeddingScript = append(s.embeddingScript, embeddings...)
	waiting := map[string]int{"waiting": len(s.script)}
	if n := len(s.embeddingScript); n > 0 {
		waiting["embeddings_waiting"] = n
	}
	writeJSON(w, http.StatusOK, waiting)
}

// forget answers DELETE /control.
func (s *Server) forget(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.embeddingScript, s.chats, s.embeddings = nil, nil, nil, nil
	w.WriteHeader(http.StatusNoContent)
}

// shown is a request as /control/requests shows it. Keys are left out: a
// developer's page is easily shared.
type shown struct {
	At        time.Time       `json:"at"`
	Operation string          `json:"operation"` // chat or embeddings
	Outcome   string          `json:"outcome"`
	Body      json.RawMessage `json:"body"`
}

func show(operation string, requests []Request) []shown {
	list := make([]shown, len(requests))
	for i, r := range requests {
		body := json.RawMessage(r.Body)
		if !json.Valid(body) {
			body, _ = json.Marshal(string(r.Body)) // a string always marshals
		}
		list[i] = shown{At: r.At, Operation: operation, Outcome: r.Outcome, Body: body}
	}
	return list
}

// controlRequests shows what was asked.
func (s *Server) controlRequests(w http.ResponseWriter, _ *http.Request) {
	list := append(show("chat", s.Requests()), show("embeddings", s.EmbeddingRequests())...)
	slices.SortStableFunc(list, func(a, b shown) int { return a.At.Compare(b.At) })
	writeJSON(w, http.StatusOK, map[string]any{"requests": list})
}
