package partner

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"
)

// createdAt stands for the time of creation, so that equal requests have equal
// answers to the byte: 2026-01-01T00:00:00Z.
const createdAt = 1767225600

// answer is one reply on its way out.
type answer struct {
	step   Step
	id     string
	model  string
	prompt int
	tokens []string // what will be said
	finish string
	usage  bool          // to be sent at the end of a stream
	pause  time.Duration // between tokens
	hold   time.Duration // before the first
	exchange
}

// complete answers POST /v1/chat/completions.
func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	body, fail := readBody(w, r)
	if fail != nil {
		writeError(w, fail)
		return
	}
	note := s.record(&s.chats, r, body)
	req, fail := parseChat(body)
	if fail != nil {
		note(OutcomeRefused)
		writeError(w, fail)
		return
	}
	a := s.prepare(r, req, body)
	s.cfg.Logger.Info("chat completion", slog.String("id", a.id), slog.Int("messages", len(req.Messages)),
		slog.Bool("stream", req.Stream), slog.Int("tokens", len(a.tokens)), slog.Int("status", a.step.Status))

	note(a.send(w, req.Stream, note))
}

// prepare decides what will be said and how.
func (s *Server) prepare(r *http.Request, req *chatRequest, body []byte) *answer {
	h := fnv.New64a()
	h.Write(body)
	a := &answer{
		step: s.next(&s.script), id: fmt.Sprintf("chatcmpl-%016x", h.Sum64()), model: req.Model,
		prompt: req.promptTokens(), finish: "stop", hold: s.cfg.FirstTokenDelay, exchange: s.exchange(r),
		usage: req.StreamOptions != nil && req.StreamOptions.IncludeUsage,
	}
	text := a.step.Text
	if text == "" {
		text = s.compose(req)
	}
	a.tokens = tokens(text)
	if limit := req.limit(); limit > 0 && len(a.tokens) > limit {
		a.tokens, a.finish = a.tokens[:limit], "length"
	}
	if a.step.FinishReason != "" {
		a.finish = a.step.FinishReason
	}
	if s.cfg.TokensPerSecond > 0 {
		a.pause = time.Duration(float64(time.Second) / math.Max(s.cfg.TokensPerSecond, 0.001))
		if req.ResponseFormat != nil {
			a.pause /= documentPace
		}
	}
	if a.step.TokenDelay > 0 {
		a.pause = a.step.TokenDelay
	}
	return a
}

// documentPace is how many times faster than speech a document comes: nobody listens
// to it.
const documentPace = 10

// send writes the answer and says what became of it.
func (a *answer) send(w http.ResponseWriter, stream bool, note func(string)) string {
	err := a.wait(a.step.Delay)
	if err == nil && a.step.Status != 0 {
		writeError(w, scripted(a.step))
		return OutcomeRefused
	}
	switch {
	case err != nil:
	case stream:
		err = a.stream(w)
	default:
		err = a.whole(w)
	}
	return ended(err, note)
}

// whole sends an answer that is not streamed, after the time its tokens take.
func (a *answer) whole(w http.ResponseWriter) error {
	if a.step.Endless || a.step.SilentAfter != 0 {
		return a.silence()
	}
	if err := a.wait(a.hold + time.Duration(len(a.tokens))*a.pause); err != nil {
		return err
	}
	if a.step.BreakAfter != 0 {
		return errCut
	}
	if a.step.ContentType != "" {
		w.Header().Set("Content-Type", a.step.ContentType)
	}
	if a.step.Garbage {
		_, err := w.Write([]byte(garbage))
		return err
	}
	reply := map[string]any{
		"id": a.id, "object": "chat.completion", "created": createdAt, "model": a.model,
		"choices": []any{map[string]any{
			"index": 0, "finish_reason": a.finish, "logprobs": nil,
			"message": map[string]any{"role": "assistant", "content": strings.Join(a.tokens, "")},
		}},
	}
	if !a.step.OmitUsage {
		reply["usage"] = a.counts(len(a.tokens))
	}
	writeJSON(w, http.StatusOK, reply)
	return nil
}

func (a *answer) counts(said int) map[string]int {
	return map[string]int{"prompt_tokens": a.prompt, "completion_tokens": said, "total_tokens": a.prompt + said}
}

// models answers GET /v1/models.
func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": []any{modelCard()}})
}

// model answers GET /v1/models/{id}.
func (s *Server) model(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") != modelName {
		writeError(w, scripted(Step{Status: http.StatusNotFound}))
		return
	}
	writeJSON(w, http.StatusOK, modelCard())
}

func modelCard() map[string]any {
	return map[string]any{"id": modelName, "object": "model", "created": createdAt, "owned_by": "fluentpro"}
}
