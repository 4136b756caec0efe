package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// serveModel is the mode `model`: the built-in partner without any pause of its
// own, and one that says when. It says its address and serves until it is told to stop.
func serveModel(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("/", partner.New(partner.Config{}))
	mux.HandleFunc("POST "+stamps+"/v1/chat/completions", stampModel)
	return serveHere(ctx, mux)
}

// serveHere serves on any free port, whose address it prints.
func serveHere(ctx context.Context, handler http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Println(listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// modelStep is one answer of the model, as its /control takes it.
type modelStep struct {
	Text         string `json:"text"`
	TokenDelayMS int    `json:"token_delay_ms"`
	Endless      bool   `json:"endless"`
}

// script tells the model what to say to the next n requests.
func (s *stage) script(ctx context.Context, step modelStep, n int) error {
	steps := make([]modelStep, n)
	for i := range steps {
		steps[i] = step
	}
	body, err := json.Marshal(map[string]any{"steps": steps})
	if err != nil {
		return err
	}
	_, err = s.ask(ctx, http.MethodPost, s.model.url+"/control", body)
	return err
}

// lastRequest is what the service asked the model last, byte for byte.
func (s *stage) lastRequest(ctx context.Context) ([]byte, error) {
	text, err := s.ask(ctx, http.MethodGet, s.model.url+"/control/requests", nil)
	if err != nil {
		return nil, err
	}
	var all struct {
		Requests []struct {
			Body json.RawMessage `json:"body"`
		} `json:"requests"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("requests of the model: %w", err)
	}
	if len(all.Requests) == 0 {
		return nil, errors.New("the model was asked nothing")
	}
	return all.Requests[len(all.Requests)-1].Body, nil
}

// ask sends a request and gives the body of a good answer.
func (s *stage) ask(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it is read whole
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, url, err)
	}
	return text, nil
}
