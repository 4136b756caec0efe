package onboarding_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// ok is a verb's answer where nothing may go wrong.
func (b *bench) ok(o onboarding.Onboarding, err error) onboarding.Onboarding {
	b.t.Helper()
	require.NoError(b.t, err)
	return o
}

// now reads Mei's onboarding.
func (b *bench) now() onboarding.Onboarding {
	b.t.Helper()
	return b.ok(b.Get(b.t.Context(), mei, "en"))
}

func (b *bench) language(id string) (onboarding.Onboarding, error) {
	return b.SetNativeLanguage(b.t.Context(), onboarding.SetNativeLanguageInput{UserID: mei, Language: "en", NativeLanguage: id})
}

func (b *bench) industry(id string) (onboarding.Onboarding, error) {
	return b.SetIndustry(b.t.Context(), onboarding.SetIndustryInput{UserID: mei, Language: "en", IndustryID: id})
}

func (b *bench) match(title, description string) (onboarding.Matches, error) {
	return b.MatchRoles(b.t.Context(), onboarding.MatchRolesInput{UserID: mei, Language: "zh-Hans", Title: title, Description: description})
}

func (b *bench) role(id uuid.UUID) (onboarding.Onboarding, error) {
	return b.SetRole(b.t.Context(), onboarding.SetRoleInput{UserID: mei, Language: "en", RoleID: &id})
}

func (b *bench) own(title, description string, level *string) (onboarding.Onboarding, error) {
	return b.SetRole(b.t.Context(), onboarding.SetRoleInput{UserID: mei, Language: "en",
		Custom: &onboarding.CustomRole{Title: title, Description: description, Level: level}})
}

func (b *bench) partners(ids ...string) (onboarding.Onboarding, error) {
	return b.SetPartners(b.t.Context(), onboarding.SetPartnersInput{UserID: mei, Language: "en", PartnerIDs: ids})
}

func (b *bench) situations(partner string, ids ...string) (onboarding.Onboarding, error) {
	return b.SetPartnerSituations(b.t.Context(), onboarding.SetPartnerSituationsInput{UserID: mei, Language: "en", PartnerID: partner, SituationIDs: ids})
}

func (b *bench) complete() (onboarding.Onboarding, error) {
	return b.Complete(b.t.Context(), onboarding.CompleteInput{UserID: mei, Language: "en"})
}

// chosen makes every choice but completes nothing.
func (b *bench) chosen() onboarding.Onboarding {
	b.t.Helper()
	b.ok(b.language("chinese_simplified"))
	b.ok(b.industry("banking_finance"))
	b.ok(b.role(accountant))
	b.ok(b.partners("clients", "colleagues"))
	return b.ok(b.situations("clients", "negotiations", "meetings"))
}

// told gives the events of Mei's onboarding since the last call, a line each: the
// type without its family, then the data without the user's id.
func (b *bench) told() []string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), `select type, aggregate_id, data, occurred_at from outbox where aggregate_type = 'onboarding' order by position`)
	require.NoError(b.t, err)
	defer rows.Close()
	lines := []string{}
	for rows.Next() {
		var name string
		var aggregate uuid.UUID
		var data map[string]any
		var at time.Time
		require.NoError(b.t, rows.Scan(&name, &aggregate, &data, &at))
		require.Equal(b.t, data["user_id"], aggregate.String())
		require.Equal(b.t, b.clock.Now(), at.UTC())
		delete(data, "user_id")
		text, err := json.Marshal(data)
		require.NoError(b.t, err)
		lines = append(lines, strings.TrimPrefix(name, "onboarding.")+" "+string(text))
	}
	require.NoError(b.t, rows.Err())
	b.exec("delete from outbox")
	return lines
}

// exec changes the database behind the service's back.
func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql, args...)
	require.NoError(b.t, err)
}

// count counts the rows of a table.
func (b *bench) count(table string) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), "select count(*) from "+table).Scan(&n))
	return n
}

// account is the native language as the account has it.
func (b *bench) account() *string {
	b.t.Helper()
	language, err := learners{b.pool}.NativeLanguage(b.t.Context(), mei)
	require.NoError(b.t, err)
	return language
}

// requireFault checks for a fault of this kind and code.
func requireFault(t *testing.T, err error, kind fault.Kind, code string) *fault.Error {
	t.Helper()
	require.Error(t, err)
	f := fault.Find(err)
	require.NotNil(t, f, "%v", err)
	require.Equal(t, code, f.Code)
	require.Equal(t, kind, f.Kind)
	return f
}

// places gives the fields of a fault, a line each, and checks that no detail tells the value.
func places(t *testing.T, f *fault.Error, values ...string) []string {
	t.Helper()
	lines := []string{}
	for _, field := range f.Fields {
		require.NotEmpty(t, field.Detail)
		for _, v := range values {
			require.NotContains(t, field.Detail, v)
		}
		lines = append(lines, field.Pointer+" "+field.Code)
	}
	return lines
}

func ptr[T any](v T) *T { return &v }
