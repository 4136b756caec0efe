package v2_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/page"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
	"github.com/fluentpro/fluentpro/internal/task"
)

// volatile formats differ in each run: of them only the kind is compared.
var volatile = []string{"uuid", "date-time", "jwt", "opaque-token", "cursor", "sha256"}

// stage is what must be there before an example can be sent.
type stage struct {
	asks   *apitest.Learner
	path   map[string]string              // path parameters
	body   func(body map[string]any)      // changes to the example that only this run knows
	header func(header map[string]string) // the same for headers

	answer func(apitest.Call) apitest.Answer // nil: asks it
}

// stages prepares each operation's answer; the key is operationId and status.
var stages = map[string]func(t *testing.T, s *apitest.Server) stage{
	"signUp 201": func(_ *testing.T, s *apitest.Server) stage { return stage{asks: s.Nobody()} },
	"logIn 201": func(t *testing.T, s *apitest.Server) stage {
		signUpAsTheExample(t, s)
		return stage{asks: s.Nobody()}
	},
	"refreshSession 200": func(t *testing.T, s *apitest.Server) stage {
		l := s.SignUp(t)
		return stage{asks: s.Nobody(), body: func(b map[string]any) { b["refresh_token"] = l.Tokens.RefreshToken }}
	},
	"getMe 200":    func(t *testing.T, s *apitest.Server) stage { return stage{asks: signUpAsTheExample(t, s)} },
	"updateMe 200": func(t *testing.T, s *apitest.Server) stage { return stage{asks: signUpAsTheExample(t, s)} },
	"exportMe 200": func(t *testing.T, s *apitest.Server) stage { return stage{asks: signUpAsTheExample(t, s)} },
	"deleteMe 200": func(t *testing.T, s *apitest.Server) stage { return stage{asks: signUpAsTheExample(t, s)} },
	"deleteMe 202": begun(func(t *testing.T, s *apitest.Server) stage { return stage{asks: signUpAsTheExample(t, s)} }),
	"listSessions 200": func(t *testing.T, s *apitest.Server) stage {
		l := signUpAsTheExample(t, s)
		var in apiv2.LogInResult
		l.Post(t, "/sessions", map[string]any{"email": l.User.Email, "password": apitest.Password, "device_name": "Mei's phone"}).
			Expect(t, http.StatusCreated, &in)
		l.Tokens = in.Tokens
		return stage{asks: l}
	},
	"listLanguages 200":  func(_ *testing.T, s *apitest.Server) stage { return stage{asks: s.Nobody()} },
	"listIndustries 200": func(_ *testing.T, s *apitest.Server) stage { return stage{asks: s.Nobody()} },
	"listPartners 200":   func(_ *testing.T, s *apitest.Server) stage { return stage{asks: s.Nobody()} },
	"listSituations 200": func(_ *testing.T, s *apitest.Server) stage { return stage{asks: s.Nobody()} },

	"listRoles 200":         func(t *testing.T, s *apitest.Server) stage { return stage{asks: s.SignUp(t)} },
	"getOnboarding 200":     onboardedUpTo(1),
	"setNativeLanguage 200": onboardedUpTo(0),
	"setIndustry 200":       onboardedUpTo(1),
	"matchRoles 200":        onboardedUpTo(2),
	"setRole 200": func(t *testing.T, s *apitest.Server) stage {
		rewriteAsTheExample(t, s)
		return onboardedUpTo(3)(t, s)
	},
	"setPartners 200":          onboardedUpTo(4),
	"setPartnerSituations 200": onboardedUpTo(5),
	"getOnboardingSummary 200": onboardedUpTo(6, func(b map[string]any) { b["partner_ids"] = []string{"clients"} }),
	"completeOnboarding 200":   onboardedUpTo(6, func(b map[string]any) { b["partner_ids"] = []string{"clients"} }),
	"resetOnboarding 200":      onboardedUpTo(6),
	"getLearningPlan 200":      planned,
	"createLearningPlan 200":   planned,
	"createLearningPlan 202":   begun(planned),
	"reindexRoles 200": func(t *testing.T, s *apitest.Server) stage {
		return stage{asks: s.Admin(t), header: func(h map[string]string) { h["Prefer"] = "wait=30" }} // it has a lot to do
	},
	"reindexRoles 202":    begun(func(t *testing.T, s *apitest.Server) stage { return stage{asks: s.Admin(t)} }),
	"listCustomRoles 200": customRole,
	"publishRole 200":     customRole,

	"createConversation 201": func(t *testing.T, s *apitest.Server) stage { return stage{asks: s.SignUp(t)} },
	"listConversations 200":  func(t *testing.T, s *apitest.Server) stage { return stage{asks: talkAsTheExample(t, s).asks} },
	"getConversation 200":    talkAsTheExample,
	"updateConversation 200": talkAsTheExample,
	"deleteConversation 204": talkAsTheExample,
	"cancelMessage 200":      greetingAsTheExample,
	"listVersions 200":       talkAsTheExample,
	"streamConversationEvents 200": func(t *testing.T, s *apitest.Server) stage {
		st := talkAsTheExample(t, s)
		st.header = func(h map[string]string) { delete(h, "Last-Event-ID") }
		st.answer = func(c apitest.Call) apitest.Answer {
			c.Path, _, _ = strings.Cut(c.Path, "?")
			response := st.asks.Open(t.Context(), t, c)
			defer func() { _ = response.Body.Close() }()
			lines := bufio.NewReader(response.Body)
			first := readEvent(t, lines)
			st.asks.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/conversations/" + st.path["conversation_id"]}).Expect(t, http.StatusNoContent, nil)
			rest, err := io.ReadAll(lines)
			require.NoError(t, err)
			return apitest.Answer{Status: response.StatusCode, Header: response.Header, Body: append(first, rest...)}
		}
		return st
	},
	"streamMyEvents 200": func(t *testing.T, s *apitest.Server) stage {
		st := talkAsTheExample(t, s)
		st.header = func(h map[string]string) { delete(h, "Last-Event-ID") }
		st.answer = func(c apitest.Call) apitest.Answer {
			c.Path, _, _ = strings.Cut(c.Path, "?")
			response := st.asks.Open(t.Context(), t, c)
			defer func() { _ = response.Body.Close() }()
			st.asks.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/conversations/" + st.path["conversation_id"]}).Expect(t, http.StatusNoContent, nil)
			var body []byte
			for lines := bufio.NewReader(response.Body); !bytes.Contains(body, []byte("conversation.deleted")); {
				body = append(body, readEvent(t, lines)...)
			}
			return apitest.Answer{Status: response.StatusCode, Header: response.Header, Body: body}
		}
		return st
	},
	"retryMessage 200":         repliedAsTheExample,
	"retryMessage 202":         begun(repliedAsTheExample),
	"forkConversation 201":     repliedAsTheExample,
	"rollbackConversation 200": repliedAsTheExample,
	"getVersion 200": func(t *testing.T, s *apitest.Server) stage {
		st := talkAsTheExample(t, s)
		st.path["version"] = "1"
		return st
	},
	"compareVersions 200": changedAsTheExample,
	"getFeedback 200":     heardAsTheExample,
	"createFeedback 200":  heardAsTheExample,
	"createFeedback 202":  begun(heardAsTheExample),
	"createMessage 200": func(t *testing.T, s *apitest.Server) stage {
		st := talkAsTheExample(t, s)
		st.body = func(b map[string]any) { b["stream"] = true }
		return st
	},
	"createMessage 201":       talkAsTheExample,
	"createMessage 202":       begun(talkAsTheExample),
	"listMessages 200":        talkAsTheExample,
	"getMessage 200":          greetingAsTheExample,
	"streamMessageEvents 200": greetingAsTheExample,

	"connectRealtime 101":      connectedAsTheExample,
	"createRealtimeTicket 201": func(t *testing.T, s *apitest.Server) stage { return stage{asks: s.SignUp(t)} },
	"listConnections 200":      listedAsTheExample,

	"listUsers 200":         adminWithTheExample,
	"exportUsers 200":       adminWithTheExample,
	"getUser 200":           adminWithTheExample,
	"updateUser 200":        adminWithTheExample,
	"updateUserRoles 200":   adminWithTheExample,
	"listAuditEvents 200":   auditAsTheExample,
	"exportAuditEvents 200": auditAsTheExample,
	"listQueues 200":        quietAsTheExample,
	"pauseQueue 200":        func(t *testing.T, s *apitest.Server) stage { return stage{asks: s.Admin(t)} },
	"resumeQueue 200":       func(t *testing.T, s *apitest.Server) stage { return stage{asks: s.Admin(t)} },
	"listDeadLetters 200":   givenUpAsTheExample,
	"replayDeadLetter 200": func(t *testing.T, s *apitest.Server) stage {
		st := givenUpAsTheExample(t, s)
		var page apiv2.DeadLetterPage
		st.asks.Get(t, "/admin/dead-letters").Expect(t, http.StatusOK, &page)
		st.path = map[string]string{"dead_letter_id": page.Data[0].ID.String()}
		return st
	},
	"createVerification 200":     inspectedAsTheExample,
	"getSystemStatus 200":        monitoredAsTheExample,
	"createVerification 202":     begun(func(t *testing.T, s *apitest.Server) stage { return stage{asks: s.Admin(t)} }),
	"inspectConversation 200":    inspectedAsTheExample,
	"recoverConversation 200":    inspectedAsTheExample,
	"recoverConversation 202":    begun(inspectedAsTheExample),
	"listConversationHealth 200": weighedAsTheExample,
	"listBackups 200":            backedUpAsTheExample,
	"createBackup 200":           measured(inspectedAsTheExample),
	"createBackup 202":           begun(inspectedAsTheExample),
	"restoreBackup 200":          measured(backedUpAsTheExample),
	"restoreBackup 202":          begun(backedUpAsTheExample),
	"createEventReplay 200":      func(t *testing.T, s *apitest.Server) stage { return stage{asks: s.Admin(t)} },
	"createEventReplay 202":      begun(func(t *testing.T, s *apitest.Server) stage { return stage{asks: s.Admin(t)} }),
	"drawConversation 200":       inspectedAsTheExample,
	"compareStoredVersions 200": func(t *testing.T, s *apitest.Server) stage {
		st := changedAsTheExample(t, s)
		st.asks = s.Moderator(t)
		return st
	},
	"listTasks 200": func(t *testing.T, s *apitest.Server) stage {
		st := taskAsTheExample(t, s)
		st.asks.Get(t, "/tasks/%s/events", st.path["task_id"]).Expect(t, http.StatusOK, nil) // to its end
		return st
	},
	"getTask 200": func(t *testing.T, s *apitest.Server) stage {
		st := taskAsTheExample(t, s)
		st.asks.Get(t, "/tasks/%s/events", st.path["task_id"]).Expect(t, http.StatusOK, nil)
		return st
	},
	"cancelTask 200":       func(t *testing.T, s *apitest.Server) stage { return taskAsTheExample(t, s, later) },
	"streamTaskEvents 200": func(t *testing.T, s *apitest.Server) stage { return taskAsTheExample(t, s) },
}

// ofLearnersAlone are the paths whose stages need no service of their own.
var ofLearnersAlone = regexp.MustCompile(`^/(languages|industries|partners|situations|onboarding|learning-plan)`)

// Every operation is asked as its example says, and answers as its example says.
func TestExamplesAreTrue(t *testing.T) {
	t.Parallel()
	for path, item := range apitest.Contract().Paths.Map() {
		for method, op := range item.Operations() {
			for status, response := range op.Responses.Map() {
				if status[0] > '2' || len(response.Value.Content) == 0 { // a default begins with a letter
					continue
				}
				name := op.OperationID + " " + status
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					prepare := stages[name]
					require.NotNil(t, prepare, "the operation has no test: add its stage")
					var s *apitest.Server
					if ofLearnersAlone.MatchString(path) {
						s = apitest.Shared(t)
					} else {
						s = apitest.New(t, apitest.WithTasks(exampleTasks))
					}
					if strings.HasPrefix(path, "/conversations") {
						s.Model.Script(partner.Step{Text: "Good morning. Which rates do you have in mind?"})
					}
					st := prepare(t, s)
					if st.answer == nil {
						st.answer = func(c apitest.Call) apitest.Answer { return st.asks.Do(t, c) }
					}
					answer := st.answer(exampleCall(t, method, path, op, st))
					require.Equal(t, status, fmt.Sprint(answer.Status), "%s", answer.Body)
					if len(response.Value.Content) == 0 || answer.Status == http.StatusSwitchingProtocols { // its content are frames
						return
					}
					kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
					require.NoError(t, err)
					compareAnswer(t, kind, response.Value.Content[kind], answer)
				})
			}
		}
	}
}

// exampleCall is the request as the contract's examples have it.
func exampleCall(t *testing.T, method, path string, op *openapi3.Operation, st stage) apitest.Call {
	call := apitest.Call{Method: method, Header: map[string]string{}}
	query := []string{}
	for _, ref := range op.Parameters {
		p := ref.Value
		value := fmt.Sprint(p.Example)
		switch {
		case p.In == "path":
			if own, ok := st.path[p.Name]; ok {
				value = own
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", value)
		case p.Example == nil:
		case p.In == "query":
			query = append(query, p.Name+"="+value)
		case p.In == "header":
			call.Header[p.Name] = value
		}
	}
	if call.Path = path; len(query) > 0 {
		call.Path += "?" + strings.Join(query, "&")
	}
	if op.RequestBody != nil {
		text, err := json.Marshal(op.RequestBody.Value.Content["application/json"].Example)
		require.NoError(t, err)
		var body map[string]any
		require.NoError(t, json.Unmarshal(text, &body))
		if st.body != nil {
			st.body(body)
		}
		call.Body = body
	}
	if st.header != nil {
		st.header(call.Header)
	}
	return call
}

// masked is a text without the ids and times that differ in each run.
func masked(text string) string {
	return regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d`).ReplaceAllString(text, "*")
}

func compareAnswer(t *testing.T, kind string, media *openapi3.MediaType, answer apitest.Answer) {
	var parts [][]byte
	switch kind {
	case sse.MediaType:
		for _, event := range events(t, answer.Body) {
			parts = append(parts, event.Data)
		}
	case page.MediaType:
		parts = bytes.Split(bytes.TrimSpace(answer.Body), []byte("\n"))
	case "text/plain":
		require.Equal(t, masked(media.Example.(string)), masked(string(answer.Body)))
		return
	default:
		var actual any
		require.NoError(t, json.Unmarshal(answer.Body, &actual))
		compare(t, "", media.Schema.Value, media.Example, actual)
		return
	}
	example := media.Example.(map[string]any)
	for _, part := range parts {
		var actual map[string]any
		require.NoError(t, json.Unmarshal(part, &actual))
		if actual["type"] == example["type"] {
			compare(t, "", media.Schema.Value, example, actual)
			return
		}
	}
	t.Errorf("nothing of type %s in:\n%s", example["type"], answer.Body)
}

// begun is a stage whose request does not wait for what it begins, and that is for later:
// so it is queued for certain. The service is its own.
func begun(prepare func(*testing.T, *apitest.Server) stage) func(*testing.T, *apitest.Server) stage {
	return func(t *testing.T, _ *apitest.Server) stage {
		s := apitest.New(t)
		st := prepare(t, s)
		st.header = func(h map[string]string) { delete(h, "Prefer") }
		_, err := s.Pool(t).Exec(t.Context(), `
			create function later() returns trigger language plpgsql as
				$$ begin new.state := 'scheduled'; new.scheduled_at := now() + interval '1 hour'; return new; end $$;
			create trigger later before insert on river_job for each row execute function later();`)
		require.NoError(t, err)
		return st
	}
}

// compare holds an answer against its example: the same members, the same
// values, but for volatile ones. A list may go on after the example's entries.
func compare(t *testing.T, at string, schema *openapi3.Schema, example, actual any) {
	schema = alternative(schema, example)
	switch want := example.(type) {
	case map[string]any:
		got, ok := actual.(map[string]any)
		require.True(t, ok, "%s is %T", at, actual)
		require.ElementsMatch(t, keys(want), keys(got), "members of %s", at)
		for name, value := range want {
			var member *openapi3.Schema
			if schema != nil && schema.Properties[name] != nil {
				member = schema.Properties[name].Value
			}
			compare(t, at+"/"+name, member, value, got[name])
		}
	case []any:
		got, ok := actual.([]any)
		require.True(t, ok, "%s is %T", at, actual)
		require.GreaterOrEqual(t, len(got), len(want), at)
		for i, value := range want {
			var item *openapi3.Schema
			if schema != nil && schema.Items != nil {
				item = schema.Items.Value
			}
			compare(t, fmt.Sprintf("%s/%d", at, i), item, value, got[i])
		}
	default:
		if schema != nil && example != nil && slices.Contains(volatile, schema.Format) {
			require.IsType(t, example, actual, at)
			require.NotEmpty(t, actual, at)
			return
		}
		open := schema == nil || schema.Type != nil && len(*schema.Type) > 2
		if open && sameKind(fmt.Sprint(example), fmt.Sprint(actual)) {
			return
		}
		require.EqualValues(t, fmt.Sprint(example), fmt.Sprint(actual), at)
	}
}

// sameKind tells ids and times of members that the contract leaves open.
func sameKind(a, b string) bool {
	if uuid.Validate(a) == nil {
		return uuid.Validate(b) == nil
	}
	_, first := time.Parse(time.RFC3339, a)
	_, second := time.Parse(time.RFC3339, b)
	return first == nil && second == nil
}

// alternative picks the member of a union that the example's type names, or
// that it fits.
func alternative(schema *openapi3.Schema, example any) *openapi3.Schema {
	object, ok := example.(map[string]any)
	if !ok || schema == nil || schema.OneOf == nil {
		return schema
	}
	if schema.Discriminator == nil {
		fits := func(ref *openapi3.SchemaRef) bool {
			return ref.Value.VisitJSON(example, openapi3.EnableJSONSchema2020()) == nil
		}
		return schema.OneOf[slices.IndexFunc(schema.OneOf, fits)].Value
	}
	ref := schema.Discriminator.Mapping[object[schema.Discriminator.PropertyName].(string)].Ref
	return apitest.Contract().Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")].Value
}

func keys(m map[string]any) []string {
	out := []string{}
	for k := range m {
		out = append(out, k)
	}
	return out
}

func signUpAsTheExample(t *testing.T, s *apitest.Server) *apitest.Learner {
	l := s.Nobody()
	var made apiv2.SignUpResult
	l.Post(t, "/users", map[string]any{"email": "mei.chen@example.com", "password": apitest.Password, "full_name": "Mei Chen"}).
		Expect(t, http.StatusCreated, &made)
	l.User, l.Tokens = made.User, made.Tokens
	return l
}

func adminWithTheExample(t *testing.T, s *apitest.Server) stage {
	mei := signUpAsTheExample(t, s)
	return stage{asks: s.Admin(t), path: map[string]string{"user_id": mei.User.ID.String()}}
}

func talkAsTheExample(t *testing.T, s *apitest.Server) stage {
	l := s.SignUp(t)
	var c apiv2.Conversation
	create := apitest.Contract().Paths.Find("/conversations").Post
	l.Post(t, "/conversations", create.RequestBody.Value.Content["application/json"].Example).Expect(t, http.StatusCreated, &c)
	return stage{asks: l, path: map[string]string{"conversation_id": c.ID.String()}}
}

// changedAsTheExample has a second version, of another title.
func changedAsTheExample(t *testing.T, s *apitest.Server) stage {
	st := talkAsTheExample(t, s)
	patch := apitest.Contract().Paths.Find("/conversations/{conversation_id}").Patch.RequestBody.Value.Content["application/json"].Example
	st.asks.Do(t, apitest.Call{Method: http.MethodPatch, Path: "/conversations/" + st.path["conversation_id"], Body: patch}).Expect(t, http.StatusOK, nil)
	st.path["version"] = "2"
	return st
}

func auditAsTheExample(t *testing.T, s *apitest.Server) stage {
	mei := uuid.MustParse("019a2b4e-5c00-7000-8000-000000000001")
	record(t, s, outbox.Event{
		ID: uuid.New(), Type: "user.registered", Version: 1, AggregateType: "user", AggregateID: mei, ActorID: &mei,
		CorrelationID: "mei-signs-up", OccurredAt: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), Data: json.RawMessage("{}"),
	})
	return stage{asks: s.Admin(t)}
}

// quietAsTheExample waits for what signing up starts by itself.
func quietAsTheExample(t *testing.T, s *apitest.Server) stage {
	l := s.Moderator(t)
	pool := s.Pool(t)
	require.Eventually(t, func() bool {
		var open int
		err := pool.QueryRow(t.Context(), "select count(*) from river_job where queue = 'auth' and finalized_at is null").Scan(&open)
		return err == nil && open == 0 && len(s.Mail.List()) > 0
	}, 20*time.Second, 10*time.Millisecond)
	return stage{asks: l}
}

func greetingAsTheExample(t *testing.T, s *apitest.Server) stage {
	st := talkAsTheExample(t, s)
	var page apiv2.MessagePage
	st.asks.Get(t, "/conversations/%s/messages", st.path["conversation_id"]).Expect(t, http.StatusOK, &page)
	st.path["message_id"] = page.Data[0].ID.String()
	return st
}

// repliedAsTheExample has a reply, which comes again when it is asked for again.
func repliedAsTheExample(t *testing.T, s *apitest.Server) stage {
	st := talkAsTheExample(t, s)
	text := partner.Step{Text: "Good morning. Which rates do you have in mind?"}
	s.Model.Script(text, text)
	var sent apiv2.CreateMessageResult
	st.asks.Do(t, apitest.Call{Method: http.MethodPost, Path: "/conversations/" + st.path["conversation_id"] + "/messages",
		Body: map[string]any{"content": "Good morning."}, Header: map[string]string{"Prefer": "wait=30"}}).Expect(t, http.StatusCreated, &sent)
	st.path["message_id"] = sent.Reply.ID.String()
	return st
}

func givenUpAsTheExample(t *testing.T, s *apitest.Server) stage {
	l := s.Admin(t)
	giveUp(t, s, deadletter.Letter{
		Source: deadletter.SourceJob, Kind: "conversation.reply", Queue: "conversation", Subject: "7", Payload: []byte(`{"v": 1}`), Attempts: 6,
		Errors: []deadletter.Failure{{Attempt: 6, At: time.Now(), Error: "the worker was lost"}},
		Origin: telemetry.Origin{ActorID: l.User.ID, CorrelationID: "0199b1a4-6f0e-7c55-9a51-3d2f8f6f1c20"},
	})
	return stage{asks: l}
}

// exampleTasks is the one kind of task of the examples.
func exampleTasks(tasks *task.Service, r *job.Registry) {
	task.Register(tasks, r, "example", job.Spec{}, func(_ context.Context, p *task.Progress, _ struct{}) (any, error) {
		p.Total(12)
		p.Add(12)
		return map[string]any{"written": 12}, nil
	})
}

func taskAsTheExample(t *testing.T, s *apitest.Server, more ...func(postgres.Tx) error) stage {
	l := s.SignUp(t)
	made := s.StartTask(t, task.StartInput{UserID: l.User.ID, Kind: "example", Input: struct{}{}}, more...)
	return stage{asks: l, path: map[string]string{"task_id": made.ID.String()}}
}

// later puts the jobs of a transaction off, so that what they are to do is not begun.
func later(tx postgres.Tx) error {
	_, err := tx.Exec(context.Background(), "update river_job set state = 'scheduled', scheduled_at = now() + interval '1 hour' where kind like 'task.%'")
	return err
}

// onboardedUpTo is a learner who has done so many steps as their examples say: the
// language, the industry, the matching, the role (the first that matched), the
// partners, the situations. Each change alters the bodies.
func onboardedUpTo(steps int, changes ...func(body map[string]any)) func(t *testing.T, s *apitest.Server) stage {
	return func(t *testing.T, s *apitest.Server) stage {
		l := s.SignUp(t)
		for _, path := range []string{"native-language", "industry", "role-matches", "role", "partners", "partners/{partner_id}/situations"}[:steps] {
			item := apitest.Contract().Paths.Find("/onboarding/" + path)
			method, op := http.MethodPut, item.Put
			if op == nil {
				method, op = http.MethodPost, item.Post
			}
			text, err := json.Marshal(op.RequestBody.Value.Content["application/json"].Example)
			require.NoError(t, err)
			var body map[string]any
			require.NoError(t, json.Unmarshal(text, &body))
			if path == "role" {
				body = map[string]any{"role_id": catalogueRole}
			}
			for _, change := range changes {
				if _, ok := body["partner_ids"]; ok {
					change(body)
				}
			}
			call := apitest.Call{Method: method, Path: "/onboarding/" + strings.ReplaceAll(path, "{partner_id}", "clients"), Body: body}
			require.Equal(t, http.StatusOK, l.Do(t, call).Status)
		}
		return stage{asks: l}
	}
}

// catalogueRole is the accountant of the examples.
const catalogueRole = "01a05a43-fc00-7a66-bef1-2e3a88f99711"

// planned is an English learner with a learning plan, written as the example says.
func planned(t *testing.T, s *apitest.Server) stage {
	st := onboardedUpTo(6, func(b map[string]any) { b["partner_ids"] = []string{"clients"} })(t, s)
	st.asks.Do(t, apitest.Call{Method: http.MethodPut, Path: "/onboarding/native-language", Body: map[string]any{"native_language": "english"}})
	example := apitest.Contract().Paths.Find("/learning-plan").Get.Responses.Value("200").Value.Content["application/json"].Example.(map[string]any)
	text, err := json.Marshal(planAnswer(example))
	require.NoError(t, err)
	s.Model.Script(partner.Step{Text: string(text)})
	var done apiv2.OnboardingCompletion
	st.asks.Post(t, "/onboarding/complete", nil).Expect(t, http.StatusOK, &done)
	st.asks.Get(t, "/tasks/%s/events", done.TaskID).Expect(t, http.StatusOK, nil) // to its end
	return st
}

// planAnswer is what the model says, of a plan as the contract shows it.
func planAnswer(plan map[string]any) map[string]any {
	answer := map[string]any{}
	for _, member := range []string{"summary", "milestones", "weekly_schedule", "resources"} {
		answer[member] = plan[member]
	}
	var conversations []map[string]any
	for _, one := range plan["conversations"].([]any) {
		c := one.(map[string]any)
		conversations = append(conversations, map[string]any{"partner_id": c["partner_id"], "situation_id": c["situation_id"], "goal": c["goal"]})
	}
	answer["conversations"] = conversations
	return answer
}

// rewriteAsTheExample lets the model put the role of the example into its words.
func rewriteAsTheExample(t *testing.T, s *apitest.Server) {
	example := apitest.Contract().Paths.Find("/onboarding/role").Put.Responses.Value("200").Value.Content["application/json"].Example
	role := example.(map[string]any)["selections"].(map[string]any)["role"].(map[string]any)
	text, err := json.Marshal(map[string]any{"description": role["description"], "keywords": role["keywords"]})
	require.NoError(t, err)
	s.Model.Script(partner.Step{Text: string(text)})
}

// customRole is a role that a learner has written as the example of setRole says, and an
// admin who looks at it.
func customRole(t *testing.T, s *apitest.Server) stage {
	st := onboardedUpTo(3)(t, s)
	rewriteAsTheExample(t, s)
	set := apitest.Contract().Paths.Find("/onboarding/role").Put
	var now apiv2.Onboarding
	st.asks.Do(t, apitest.Call{Method: http.MethodPut, Path: "/onboarding/role", Body: set.RequestBody.Value.Content["application/json"].Example}).
		Expect(t, http.StatusOK, &now)
	return stage{asks: s.Admin(t), path: map[string]string{"role_id": now.Selections.Role.MustGet().ID.String()}}
}
