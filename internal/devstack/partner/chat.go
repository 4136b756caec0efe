package partner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxChatBody = 1 << 20

// chatRequest is what is read of the protocol's request; other fields are let
// pass, as local servers do. Reference:
// https://platform.openai.com/docs/api-reference/chat/create
type chatRequest struct {
	Model         string        `json:"model"`
	Messages      []chatMessage `json:"messages"`
	Stream        bool          `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	MaxTokens           *int     `json:"max_tokens"`
	MaxCompletionTokens *int     `json:"max_completion_tokens"`
	Temperature         *float64 `json:"temperature"`
	N                   *int     `json:"n"`
	ResponseFormat      *format  `json:"response_format"`
}

type chatMessage struct {
	Role    string      `json:"role"`
	Content chatContent `json:"content"`
}

// chatContent is a text, a list of text parts, or null.
type chatContent string

// UnmarshalJSON takes the three forms and refuses parts that are no text.
func (c *chatContent) UnmarshalJSON(raw []byte) error {
	var text *string
	if json.Unmarshal(raw, &text) == nil {
		if text != nil {
			*c = chatContent(*text)
		}
		return nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return errors.New("content must be a string or a list of parts")
	}
	var all strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return fmt.Errorf("content parts of type %q are not understood", p.Type)
		}
		all.WriteString(p.Text)
	}
	*c = chatContent(all.String())
	return nil
}

// parseChat reads and checks one request.
func parseChat(body []byte) (*chatRequest, *apiError) {
	var req chatRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, invalid("", "The body is not a chat completion request: "+err.Error())
	}
	switch {
	case req.Model == "":
		return nil, invalid("model", "You must name a model.")
	case len(req.Messages) == 0:
		return nil, invalid("messages", "There must be at least one message.")
	case req.limit() < 0:
		return nil, invalid("max_tokens", "At least one token must be allowed.")
	case req.Temperature != nil && (*req.Temperature < 0 || *req.Temperature > 2):
		return nil, invalid("temperature", "The temperature must be 0 to 2.")
	case req.N != nil && *req.N != 1:
		return nil, invalid("n", "There is one choice only.")
	case req.StreamOptions != nil && !req.Stream:
		return nil, invalid("stream_options", "Stream options need a stream.")
	case req.ResponseFormat != nil && !req.ResponseFormat.understood():
		return nil, invalid("response_format", "The format must be text, json_object, or json_schema with a name and a schema.")
	}
	for i, m := range req.Messages {
		switch m.Role {
		case "system", "developer", "user", "assistant", "tool":
		default:
			return nil, invalid(fmt.Sprintf("messages[%d].role", i), "The role is not known.")
		}
	}
	return &req, nil
}

// limit is the most tokens the answer may have: 0 when there is no limit, -1
// when the request states an impossible one.
func (r *chatRequest) limit() int {
	for _, n := range []*int{r.MaxCompletionTokens, r.MaxTokens} {
		if n == nil {
			continue
		}
		if *n < 1 {
			return -1
		}
		return *n
	}
	return 0
}

func (r *chatRequest) promptTokens() int {
	n := 2 // the frame of the answer to come
	for _, m := range r.Messages {
		n += len(tokens(string(m.Content))) + 4
	}
	return n
}

// turns splits the request into what the system prompt says and who said what.
func (r *chatRequest) turns() (brief string, turns []turn) {
	var all strings.Builder
	for _, m := range r.Messages {
		switch m.Role {
		case "system", "developer":
			all.WriteString(string(m.Content))
			all.WriteString("\n")
		case "user", "assistant":
			turns = append(turns, turn{mine: m.Role == "assistant", text: attend(string(m.Content))})
		}
	}
	return attend(all.String()), turns
}

// attend is what is taken in of a long text: nobody follows more in one go, and
// reading it all for phrases would take seconds.
func attend(text string) string {
	const most = 8 << 10
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// apiError is an error in the protocol's form.
type apiError struct {
	status     int
	kind       string // error.type
	code       string // error.code; empty: null
	param      string // error.param; empty: null
	message    string
	retryAfter time.Duration
}

func invalid(param, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", param: param, message: message}
}

// scripted is the error a Step asks for, worded as the protocol would.
func scripted(step Step) *apiError {
	e := &apiError{status: step.Status, retryAfter: step.RetryAfter}
	switch {
	case step.Status == http.StatusUnauthorized:
		e.kind, e.code, e.message = "invalid_request_error", "invalid_api_key", "Incorrect API key provided."
	case step.Status == http.StatusNotFound:
		e.kind, e.code, e.message = "invalid_request_error", "model_not_found", "The model does not exist."
	case step.Status == http.StatusTooManyRequests:
		e.kind, e.code, e.message = "requests", "rate_limit_exceeded", "Rate limit reached."
	case step.Status >= http.StatusInternalServerError:
		e.kind, e.message = "server_error", "The server had an error while processing the request."
	default:
		e.kind, e.message = "invalid_request_error", "The request was refused."
	}
	return e
}

func writeError(w http.ResponseWriter, e *apiError) {
	if e.retryAfter > 0 {
		seconds := (e.retryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	writeJSON(w, e.status, map[string]any{"error": map[string]any{
		"message": e.message, "type": e.kind, "param": orNull(e.param), "code": orNull(e.code),
	}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that has left needs no answer
}

// readBody takes the whole body or says why not.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *apiError) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxChatBody))
	if err != nil {
		return nil, &apiError{status: http.StatusRequestEntityTooLarge, kind: "invalid_request_error",
			message: "The body cannot be read, or is larger than 1 MiB."}
	}
	return body, nil
}
