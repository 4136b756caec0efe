package journey

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	openapi "github.com/oapi-codegen/runtime/types"

	"github.com/fluentpro/fluentpro/gen/client"
)

// Password is what every learner of a journey signs up with.
const Password = "Harbour-Light-42"

// Bounds of one request and its answer, streams apart.
const callLimit = 30 * time.Second

// mostPages bounds the pages read of one conversation.
const mostPages = 1000

// A Learner is one person at a client. It is for one goroutine at a time.
type Learner struct {
	Email  string
	User   client.User
	Tokens client.Tokens

	api  *client.ClientWithResponses
	http *http.Client
}

// New makes somebody who has not signed up yet. url is the root of the service,
// such as http://127.0.0.1:8080; with do nil, the learner has a client of its own.
func New(url string, do *http.Client) (*Learner, error) {
	if do == nil {
		do = &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: callLimit}}
	}
	l := &Learner{Email: "demo-" + strings.ToLower(rand.Text()[:10]) + "@example.com", http: do}
	return l.At(url)
}

// At is the same person with the same tokens at another node, or at the same
// one after it was started anew.
func (l *Learner) At(url string) (*Learner, error) {
	there := &Learner{Email: l.Email, User: l.User, Tokens: l.Tokens, http: l.http}
	var err error
	there.api, err = client.NewClientWithResponses(strings.TrimRight(url, "/")+"/api/v2",
		client.WithHTTPClient(l.http), client.WithRequestEditorFn(there.authorize))
	if err != nil {
		return nil, fmt.Errorf("journey: %w", err)
	}
	return there, nil
}

func (l *Learner) authorize(_ context.Context, r *http.Request) error {
	if l.Tokens.AccessToken != "" {
		r.Header.Set("Authorization", "Bearer "+l.Tokens.AccessToken)
	}
	return nil
}

// SignUp makes the account and takes its tokens.
func (l *Learner) SignUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	a, err := l.api.SignUpWithResponse(ctx, &client.SignUpParams{IdempotencyKey: new(uuid.NewString())},
		client.SignUpRequest{Email: openapi.Email(l.Email), Password: Password, FullName: "Mei Chen"})
	if err != nil {
		return fmt.Errorf("signUp: %w", err)
	}
	made, err := wanted("signUp", a.JSON201, a.ApplicationProblemJSONDefault, a.HTTPResponse)
	if err != nil {
		return err
	}
	l.User, l.Tokens = made.User, made.Tokens
	return nil
}

// LogIn opens another session and takes its tokens.
func (l *Learner) LogIn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	a, err := l.api.LogInWithResponse(ctx, client.LogInRequest{Email: l.Email, Password: Password})
	if err != nil {
		return fmt.Errorf("logIn: %w", err)
	}
	in, err := wanted("logIn", a.JSON201, a.ApplicationProblemJSONDefault, a.HTTPResponse)
	if err != nil {
		return err
	}
	l.User, l.Tokens = in.User, in.Tokens
	return nil
}

// Refresh exchanges the tokens for new ones.
func (l *Learner) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	a, err := l.api.RefreshSessionWithResponse(ctx, client.RefreshRequest{RefreshToken: l.Tokens.RefreshToken})
	if err != nil {
		return fmt.Errorf("refreshSession: %w", err)
	}
	fresh, err := wanted("refreshSession", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
	if err != nil {
		return err
	}
	l.Tokens = fresh.Tokens
	return nil
}

// Converse starts a conversation.
func (l *Learner) Converse(ctx context.Context, partner, situation string) (*client.Conversation, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	a, err := l.api.CreateConversationWithResponse(ctx, &client.CreateConversationParams{IdempotencyKey: new(uuid.NewString())},
		client.CreateConversationRequest{PartnerID: partner, SituationID: situation})
	if err != nil {
		return nil, fmt.Errorf("createConversation: %w", err)
	}
	return wanted("createConversation", a.JSON201, a.ApplicationProblemJSONDefault, a.HTTPResponse)
}

// Conversation reads one.
func (l *Learner) Conversation(ctx context.Context, id uuid.UUID) (*client.Conversation, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	a, err := l.api.GetConversationWithResponse(ctx, id, nil)
	if err != nil {
		return nil, fmt.Errorf("getConversation: %w", err)
	}
	return wanted("getConversation", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
}

// Messages reads a whole conversation, limit messages a page.
func (l *Learner) Messages(ctx context.Context, conversation uuid.UUID, limit int) ([]client.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var all []client.Message
	params := &client.ListMessagesParams{Limit: &limit}
	for range mostPages {
		a, err := l.api.ListMessagesWithResponse(ctx, conversation, params)
		if err != nil {
			return nil, fmt.Errorf("listMessages: %w", err)
		}
		page, err := wanted("listMessages", a.JSON200, a.ApplicationProblemJSONDefault, a.HTTPResponse)
		if err != nil {
			return nil, err
		}
		if len(page.Data) > limit {
			return nil, fmt.Errorf("listMessages: %d messages on a page of %d", len(page.Data), limit)
		}
		all = append(all, page.Data...)
		if page.NextCursor.IsNull() {
			return all, nil
		}
		next, err := page.NextCursor.Get()
		if err != nil {
			return nil, fmt.Errorf("listMessages: next_cursor: %w", err)
		}
		params.Cursor = &next
	}
	return nil, fmt.Errorf("listMessages: more than %d pages", mostPages)
}

// Refused is an answer that is a problem.
type Refused struct {
	Operation string
	Status    int
	Code      string // empty where the answer was no problem document
	Detail    string
	RequestID string
}

// Error says what was refused and why.
func (r *Refused) Error() string {
	return fmt.Sprintf("%s: %d %s: %s (request %s)", r.Operation, r.Status, r.Code, r.Detail, r.RequestID)
}

// wanted gives the body of the answer hoped for, or why it is another.
func wanted[T any](operation string, body *T, problem *client.Problem, response *http.Response) (*T, error) {
	if body != nil {
		return body, nil
	}
	return nil, refusal(operation, problem, response)
}

func refusal(operation string, problem *client.Problem, response *http.Response) *Refused {
	r := &Refused{Operation: operation, Status: response.StatusCode, Detail: "an answer that the contract does not describe"}
	if problem != nil {
		r.Code, r.Detail, r.RequestID = string(problem.Code), problem.Detail, problem.RequestID
	}
	return r
}
