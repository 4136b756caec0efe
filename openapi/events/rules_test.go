package events_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
)

// types are the product's events; each is written somewhere, and each has its data.
var types = map[string]outbox.Data{
	"user.registered":               events.UserRegistered{},
	"user.logged_in":                events.UserLoggedIn{},
	"user.logged_out":               events.UserLoggedOut{},
	"user.profile_updated":          events.UserProfileUpdated{},
	"user.password_changed":         events.UserPasswordChanged{},
	"user.password_reset_requested": events.UserPasswordResetRequested{},
	"user.password_reset_completed": events.UserPasswordResetCompleted{},
	"user.email_verified":           events.UserEmailVerified{},
	"user.deactivated":              events.UserDeactivated{},
	"user.deleted":                  events.UserDeleted{},
	"user.role_assigned":            events.UserRoleAssigned{},

	"session.created":        events.SessionCreated{},
	"session.refreshed":      events.SessionRefreshed{},
	"session.revoked":        events.SessionRevoked{},
	"session.reuse_detected": events.SessionReuseDetected{},

	"auth.login_failed": events.AuthLoginFailed{},
	"auth.denied":       events.AuthDenied{},
	"auth.locked":       events.AuthLocked{},
	"auth.unlocked":     events.AuthUnlocked{},

	"onboarding.started":               events.OnboardingStarted{},
	"onboarding.step_completed":        events.OnboardingStepCompleted{},
	"onboarding.language_selected":     events.OnboardingLanguageSelected{},
	"onboarding.industry_selected":     events.OnboardingIndustrySelected{},
	"onboarding.role_match_performed":  events.OnboardingRoleMatchPerformed{},
	"onboarding.role_selected":         events.OnboardingRoleSelected{},
	"onboarding.custom_role_created":   events.OnboardingCustomRoleCreated{},
	"onboarding.partners_selected":     events.OnboardingPartnersSelected{},
	"onboarding.situations_configured": events.OnboardingSituationsConfigured{},
	"onboarding.completed":             events.OnboardingCompleted{},
	"onboarding.reset":                 events.OnboardingReset{},
	"onboarding.abandoned":             events.OnboardingAbandoned{},

	"role.published": events.RolePublished{},

	"conversation.created":         events.ConversationCreated{},
	"conversation.updated":         events.ConversationUpdated{},
	"conversation.message_added":   events.ConversationMessageAdded{},
	"conversation.reply_completed": events.ConversationReplyCompleted{},
	"conversation.reply_failed":    events.ConversationReplyFailed{},
	"conversation.completed":       events.ConversationCompleted{},
	"conversation.rolled_back":     events.ConversationRolledBack{},
	"conversation.forked":          events.ConversationForked{},
	"conversation.recovered":       events.ConversationRecovered{},
	"conversation.deleted":         events.ConversationDeleted{},

	"task.queued":     events.TaskQueued{},
	"task.progressed": events.TaskProgressed{},
	"task.completed":  events.TaskCompleted{},
	"task.failed":     events.TaskFailed{},
	"task.cancelled":  events.TaskCancelled{},

	"backup.restore_started": events.BackupRestoreStarted{},
	"system.probe_changed":   events.SystemProbeChanged{},
}

// aggregates are what events happen to, and the field of the data that says which
// one. An attempt to log in may have no user, and a part of the service has a name: the
// envelope alone knows the id.
var aggregates = map[string]string{
	"user": "user_id", "session": "session_id", "auth": "", "onboarding": "user_id",
	"conversation": "conversation_id", "task": "task_id", "role": "role_id", "backup": "backup_id",
	"system": "",
}

func TestEveryTypeOfTheProductIsThereAndNoOther(t *testing.T) {
	t.Parallel()
	var written, listed, wanted []string
	for _, p := range payloads(t) {
		written = append(written, p.Event.Type)
	}
	for _, kind := range events.Types {
		listed = append(listed, kind.Name)
	}
	for kind, data := range types {
		wanted = append(wanted, kind)
		require.Equal(t, kind, data.EventType())
	}
	require.ElementsMatch(t, wanted, written)
	require.ElementsMatch(t, wanted, listed)
	require.True(t, slices.IsSorted(listed))
}

func TestASchemaIsNamedAsItsType(t *testing.T) {
	t.Parallel()
	capital := regexp.MustCompile(`[A-Z]`)
	for _, p := range payloads(t) {
		words := strings.TrimPrefix(capital.ReplaceAllStringFunc(p.Name, func(c string) string { return "_" + strings.ToLower(c) }), "_")
		require.Equal(t, p.Event.Type, strings.Replace(words, "_", ".", 1), p.Name)
		require.Equal(t, p.Name, reflect.TypeOf(types[p.Event.Type]).Name())
	}
}

func TestGoSaysOfEachTypeWhatItsSchemaSays(t *testing.T) {
	t.Parallel()
	for _, p := range payloads(t) {
		data := types[p.Event.Type]
		require.GreaterOrEqual(t, p.Event.Version, 1, p.Name)
		require.Equal(t, p.Event.Version, data.EventVersion(), p.Name)
		require.Equal(t, p.Event.Aggregate, data.AggregateType(), p.Name)
		require.Contains(t, events.Types, events.Type{Name: p.Event.Type, Version: p.Event.Version, Aggregate: p.Event.Aggregate})
	}
}

func TestTheAggregateIsTheFamilyAndItsIDIsInTheData(t *testing.T) {
	t.Parallel()
	for _, p := range payloads(t) {
		family, _, _ := strings.Cut(p.Event.Type, ".")
		require.Equal(t, family, p.Event.Aggregate, p.Name)
		id, known := aggregates[family]
		require.True(t, known, family)
		if id != "" {
			require.Contains(t, p.Required, id, p.Name)
		}
	}
}

func TestAFamilyHasOneFile(t *testing.T) {
	t.Parallel()
	top := regexp.MustCompile(`(?m)^([A-Z][A-Za-z]*):`)
	all, data := schemas(t), payloads(t)
	for family := range aggregates {
		text, err := os.ReadFile(filepath.Join("schemas", family+".yaml"))
		require.NoError(t, err)
		var in []string
		for _, m := range top.FindAllStringSubmatch(string(text), -1) {
			in = append(in, m[1])
		}
		for _, p := range data {
			require.Equal(t, p.Event.Aggregate == family, slices.Contains(in, p.Name), "%s in %s.yaml", p.Name, family)
		}
		for _, name := range in {
			require.Contains(t, all, name, "%s.yaml: %s is used nowhere", family, name)
		}
	}
}

func TestEverythingIsDescribed(t *testing.T) {
	t.Parallel()
	for name, s := range schemas(t) {
		require.NotEmpty(t, s.Value.Description, name)
		for field, property := range s.Value.Properties {
			require.NotEmpty(t, property.Value.Description, "%s: %s", name, field)
		}
	}
}

func TestDataIsAnOpenObjectOfSnakeCaseFields(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	for _, p := range payloads(t) {
		require.True(t, p.Type.Is("object"), p.Name)
		require.Nil(t, p.AdditionalProperties.Has, "%s: readers ignore what they do not know, and nobody writes it", p.Name)
		require.NotEmpty(t, p.Required, p.Name)
		require.Subset(t, fields(p.Schema), p.Required, p.Name)
		for _, field := range fields(p.Schema) {
			require.Regexp(t, form, field, p.Name)
		}
	}
}

// The envelope is written by hand twice: here, and where the outbox needs it.
func TestTheEnvelopeIsWhatTheOutboxWrites(t *testing.T) {
	t.Parallel()
	envelope := schemas(t)["Envelope"].Value
	var has, always []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[outbox.Event]()) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		has = append(has, name)
		if options != "omitempty" {
			always = append(always, name)
		}
	}
	require.ElementsMatch(t, has, fields(envelope))
	require.ElementsMatch(t, always, envelope.Required)
	for _, aggregate := range envelope.Properties["aggregate_type"].Value.Enum {
		require.Contains(t, aggregates, aggregate)
	}
	require.Len(t, envelope.Properties["aggregate_type"].Value.Enum, len(aggregates))
}
