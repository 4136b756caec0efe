// Package partner is a model server that needs no model: it speaks the OpenAI
// protocol over HTTP, plays the learner's business partner and embeds texts
// offline. It is the model of `fluentpro dev` and of every test.
//
// It promises determinism: the same conversation gets the same answer, byte for
// byte. Like a real model it knows nothing but the messages of the request: who
// it plays and in which situation it reads from the system prompt, by words and
// not by a template, and what it says answers the learner's last message. It
// does not repeat a sentence of its last turn, and it stays in its role when it
// is told to leave it.
//
// Asked for JSON (response_format), it answers in the shape of the schema: with
// the least that is valid, or, for the schemas custom_role, learning_plan and
// conversation_feedback, with what a model would make of the data in the last
// message of the user, in English, Simplified or Traditional Chinese.
//
// Its embeddings bring texts near each other that share words, parts of words or
// Chinese characters, or that name the same things of working life in English,
// Simplified or Traditional Chinese (thesaurus.txt). A text has the same vector
// on every machine, to the bit.
//
// It can be made to fail in every way a provider fails, by Script or over HTTP:
//
//	POST   /v1/chat/completions  an answer, streamed or whole
//	POST   /v1/embeddings        vectors of texts, see EmbeddingVersion
//	GET    /v1/models            the one model there is
//	POST   /control              {"steps":[{...}]}: the next answers, see Step;
//	                             {"embedding_steps":[{...}]}: the next vectors
//	DELETE /control              forget steps and recorded requests
//	GET    /control/requests     what was asked, newest last, without keys
//
// Its limits: it understands English business phrases by keyword and holds no
// real opinion; an embedding knows no grammar and no words beyond its thesaurus,
// so that "not a nurse" is a nurse; of a JSON schema it does not read pattern,
// uniqueItems, not and what is conditional; no tools, no images; it checks no key;
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

	thesaurus func() *thesaurus // made when first asked for: it takes a little time

	mu              sync.Mutex
	script          []Step
	embeddingScript []Step
	chats           []*Request
	embeddings      []*Request
}

// New makes a server that answers in role until Script says otherwise.
func New(cfg Config) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), cast: newCast()}
	s.thesaurus = sync.OnceValue(newThesaurus)
	s.closed, s.close = context.WithCancel(context.Background())
	s.mux.HandleFunc("POST /v1/chat/completions", s.complete)
	s.mux.HandleFunc("POST /v1/embeddings", s.embed)
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

// Script lets the next chat completions be answered by these steps, in order;
// after the last one the server answers in role again. Steps add to those still
// waiting.
func (s *Server) Script(steps ...Step) { s.enqueue(&s.script, steps) }

// ScriptEmbeddings does the same for the next requests for embeddings, which
// leave the steps of Script alone. See Step for the fields that matter to them.
func (s *Server) ScriptEmbeddings(steps ...Step) { s.enqueue(&s.embeddingScript, steps) }

func (s *Server) enqueue(script *[]Step, steps []Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*script = append(*script, steps...)
}

// next takes the step for one request; the zero Step is a plain answer.
func (s *Server) next(script *[]Step) Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(*script) == 0 {
		return Step{}
	}
	step := (*script)[0]
	*script = (*script)[1:]
	return step
}
