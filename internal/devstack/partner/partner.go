// Package partner is a model server that needs no model: it speaks the OpenAI
// chat-completions protocol over HTTP and plays the learner's business partner
// offline. It is the model of `fluentpro dev` and of every test.
//
// It promises determinism: the same conversation gets the same answer, byte for
// byte. Like a real model it knows nothing but the messages of the request: who
// it plays and in which situation it reads from the system prompt, by words and
// not by a template, and what it says answers the learner's last message. It
// does not repeat a sentence of its last turn, and it stays in its role when it
// is told to leave it.
//
// It can be made to fail in every way a provider fails, by Script or over HTTP:
//
//	POST   /v1/chat/completions  an answer, streamed or whole
//	GET    /v1/models            the one model there is
//	POST   /control              {"steps":[{...}]}: the next answers, see Step
//	DELETE /control              forget steps and recorded requests
//	GET    /control/requests     what was asked, newest last, without keys
//
// Its limits: it understands English business phrases by keyword and holds no
// real opinion; no embeddings, tools, images or JSON schemas; it checks no key;
// it must listen on the loopback interface alone, since /control is open.
package partner

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// HumanPace is the speed, in tokens a second, at which an answer reads as if
	// it were spoken.
	HumanPace = 25
	// HumanDelay is a natural pause before the first word.
	HumanDelay = 400 * time.Millisecond

	modelName = "fluentpro-partner"
)

// Config sets the pace. The zero value answers as fast as it can, for tests.
type Config struct {
	TokensPerSecond float64       // 0: no pause between tokens; people are served at HumanPace
	FirstTokenDelay time.Duration // between the response headers and the first token; 0: none
	Logger          *slog.Logger  // nil: silent; texts are never logged
}

// Server answers as the partner. It is an http.Handler, safe for concurrent use,
// and starts nothing of its own.
type Server struct {
	cfg    Config
	mux    *http.ServeMux
	cast   *cast
	closed context.Context
	close  context.CancelFunc

	mu      sync.Mutex
	script  []Step
	records []*Request
}

// New makes a server that answers in role until Script says otherwise.
func New(cfg Config) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), cast: newCast()}
	s.closed, s.close = context.WithCancel(context.Background())
	s.mux.HandleFunc("POST /v1/chat/completions", s.complete)
	s.mux.HandleFunc("GET /v1/models", s.models)
	s.mux.HandleFunc("GET /v1/models/{id}", s.model)
	s.mux.HandleFunc("POST /control", s.control)
	s.mux.HandleFunc("DELETE /control", s.forget)
	s.mux.HandleFunc("GET /control/requests", s.controlRequests)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, &apiError{status: http.StatusNotFound, kind: "invalid_request_error", code: "unknown_url",
			message: "There is no such operation here."})
	})
	return s
}

// ModelName is the name under which /v1/models lists the partner. Requests may
// name any model; the answer repeats the name.
func (s *Server) ModelName() string { return modelName }

// ServeHTTP serves the protocol and /control.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close cuts every answer that is held, silent or endless, so that the HTTP
// server above can stop. It may be called more than once.
func (s *Server) Close() { s.close() }

// Script lets the next requests be answered by these steps, in order; after the
// last one the server answers in role again. Steps add to those still waiting.
func (s *Server) Script(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, steps...)
}

// next takes the step for one request; the zero Step is a plain answer in role.
func (s *Server) next() Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.script) == 0 {
		return Step{}
	}
	step := s.script[0]
	s.script = s.script[1:]
	return step
}
