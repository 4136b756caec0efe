package partner

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	defaultDimensions = 256
	minDimensions     = 64
	maxDimensions     = 3072
	maxInputs         = 2048     // texts a request, as the protocol has it
	maxInput          = 32 << 10 // bytes of a text; about what the protocol's 8,192 tokens are
)

// embeddingRequest is what is read of the protocol's request. Reference:
// https://platform.openai.com/docs/api-reference/embeddings/create
type embeddingRequest struct {
	Model          string         `json:"model"`
	Input          embeddingInput `json:"input"`
	Dimensions     *int           `json:"dimensions"`
	EncodingFormat string         `json:"encoding_format"`
}

// embeddingInput is one text or a list of them.
type embeddingInput []string

// UnmarshalJSON takes both forms; lists of token numbers, which the protocol
// has too, mean nothing without a vocabulary.
func (in *embeddingInput) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*in = embeddingInput{text}
		return nil
	}
	if json.Unmarshal(raw, (*[]string)(in)) != nil {
		return errors.New("input must be a string or a list of strings")
	}
	return nil
}

// parseEmbedding reads and checks one request.
func parseEmbedding(body []byte) (*embeddingRequest, *apiError) {
	var req embeddingRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, invalid("", "The body is not a request for embeddings: "+err.Error())
	}
	switch {
	case req.Model == "":
		return nil, invalid("model", "You must name a model.")
	case len(req.Input) == 0 || len(req.Input) > maxInputs:
		return nil, invalid("input", "There must be 1 to 2,048 texts.")
	case req.Dimensions != nil && (*req.Dimensions < minDimensions || *req.Dimensions > maxDimensions):
		return nil, invalid("dimensions", "The dimensions must be 64 to 3,072.")
	case req.EncodingFormat != "" && req.EncodingFormat != "float" && req.EncodingFormat != "base64":
		return nil, invalid("encoding_format", "The format must be float or base64.")
	}
	for _, text := range req.Input {
		if text == "" || len(text) > maxInput || !utf8.ValidString(text) {
			return nil, invalid("input", "Each text must have 1 to 32,768 bytes.")
		}
	}
	return &req, nil
}

// embed answers POST /v1/embeddings.
func (s *Server) embed(w http.ResponseWriter, r *http.Request) {
	body, fail := readBody(w, r)
	if fail != nil {
		writeError(w, fail)
		return
	}
	note := s.record(&s.embeddings, r, body)
	req, fail := parseEmbedding(body)
	if fail != nil {
		note(OutcomeRefused)
		writeError(w, fail)
		return
	}
	step := s.next(&s.embeddingScript)
	s.cfg.Logger.Info("embeddings", slog.Int("texts", len(req.Input)), slog.Int("status", step.Status))

	err := s.exchange(r).wait(step.Delay)
	if err == nil && step.Status != 0 {
		note(OutcomeRefused)
		writeError(w, scripted(step))
		return
	}
	if err == nil {
		err = s.sendVectors(w, r, req, step)
	}
	note(ended(err, note))
}

// sendVectors writes the answer, or fails as the step wants.
func (s *Server) sendVectors(w http.ResponseWriter, r *http.Request, req *embeddingRequest, step Step) error {
	switch {
	case step.SilentAfter != 0:
		return s.exchange(r).silence()
	case step.BreakAfter != 0:
		return errCut
	}
	if step.ContentType != "" {
		w.Header().Set("Content-Type", step.ContentType)
	}
	if step.Garbage {
		_, err := w.Write([]byte(strings.TrimSpace(garbage)))
		return err
	}
	answer := map[string]any{"object": "list", "model": req.Model, "data": s.vectors(req)}
	if !step.OmitUsage {
		n := 0
		for _, text := range req.Input {
			n += len(tokens(text))
		}
		answer["usage"] = map[string]int{"prompt_tokens": n, "total_tokens": n}
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// vectors are the members of the answer's data.
func (s *Server) vectors(req *embeddingRequest) []any {
	dimensions := defaultDimensions
	if req.Dimensions != nil {
		dimensions = *req.Dimensions
	}
	data := make([]any, len(req.Input))
	for i, text := range req.Input {
		vector := embedder{s.thesaurus()}.vector(text, dimensions)
		var embedding any = vector
		if req.EncodingFormat == "base64" {
			embedding = packed(vector)
		}
		data[i] = map[string]any{"object": "embedding", "index": i, "embedding": embedding}
	}
	return data
}

// packed is a vector as base64 of its numbers in little-endian order.
func packed(vector []float32) string {
	raw := make([]byte, 0, 4*len(vector))
	for _, x := range vector {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(raw)
}
