package account_test

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

const another = "Another-Horse-8"

var codePattern = regexp.MustCompile(`\b[A-Z2-7]{4}(?:-[A-Z2-7]{4}){5}-[A-Z2-7]{2}\b`)

// codes are those mailed to one person, in no order.
func (p *post) codes(email string) (codes []string) {
	p.t.Helper()
	p.settled()
	for _, m := range p.mails(email) {
		found := codePattern.FindString(m.Text)
		require.NotEmpty(p.t, found, m.Text)
		codes = append(codes, found)
	}
	return codes
}

// mailed gives the code that an act has mailed to one person.
func (p *post) mailed(email string, act func()) string {
	p.t.Helper()
	before := map[string]bool{}
	for _, c := range p.codes(email) {
		before[c] = true
	}
	act()
	var fresh []string
	for _, c := range p.codes(email) {
		if !before[c] {
			fresh = append(fresh, c)
		}
	}
	require.Len(p.t, fresh, 1)
	return fresh[0]
}

func (p *post) forgotten(email string) {
	p.t.Helper()
	_, err := p.RequestPasswordReset(p.t.Context(), email, "")
	require.NoError(p.t, err)
}

// resetCode is a code to set a password with.
func (p *post) resetCode(email string) string {
	p.t.Helper()
	return p.mailed(email, func() { p.forgotten(email) })
}

func (p *post) verifyCode(in account.SignedIn) string {
	p.t.Helper()
	return p.mailed(in.User.Email, func() {
		_, err := p.RequestEmailVerification(p.t.Context(), in.User.ID, "")
		require.NoError(p.t, err)
	})
}

func (p *post) reset(code, password string) error {
	return p.CompletePasswordReset(p.t.Context(), code, password, home)
}

func (p *post) verify(code string) error { return p.VerifyEmail(p.t.Context(), code, home) }

func requireBadCode(t *testing.T, err error) {
	t.Helper()
	f := requireFault(t, err, "auth.invalid_code", fault.Unprocessable)
	require.Equal(t, "/token", f.Fields[0].Pointer)
}

func TestACodeIsGoodOnceAndTakesTheOlderOnesAlong(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in, eve := p.join("ada@example.com"), p.join("eve@example.com")
	older, verify, code, others := p.resetCode("ada@example.com"), p.verifyCode(in), p.resetCode("ada@example.com"), p.resetCode("eve@example.com")
	require.NoError(t, p.reset(code, another))
	for _, used := range []string{code, older} {
		requireBadCode(t, p.reset(used, "A-Third-Horse-9"))
	}
	require.NoError(t, p.reset(others, another), "those of others stay good")
	requireBadCode(t, p.verify(older))
	require.Equal(t, 1, p.count("select count(*) from mailed_codes where used_at is null"), "those of another kind too")
	require.Regexp(t, codePattern, verify)
	_, err := p.logIn(eve.User.Email, another)
	require.NoError(t, err)
}

func TestTwoUsesOfACodeAtOnceAreOne(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	p.join("ada@example.com")
	code := p.resetCode("ada@example.com")
	var mu sync.Mutex
	var wg sync.WaitGroup
	done := 0
	for range 4 {
		wg.Go(func() {
			err := p.CompletePasswordReset(context.Background(), code, another, home)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done++
			} else if !fault.Is(err, "auth.invalid_code") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, done)
}

func TestACodeIsGoodForHalfAnHour(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	reset, verify := p.resetCode("ada@example.com"), p.verifyCode(in)
	p.clock.pass(account.CodeLifetime - time.Second)
	require.NoError(t, p.verify(verify))
	p.clock.pass(time.Second)
	requireBadCode(t, p.reset(reset, another))
}

func TestACodeIsGoodForItsPurposeAlone(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	reset, verify := p.resetCode("ada@example.com"), p.verifyCode(in)
	requireBadCode(t, p.verify(reset))
	requireBadCode(t, p.reset(verify, another))
	require.NoError(t, p.verify(verify))
	require.NoError(t, p.reset(reset, another))
	for _, none := range []string{"", "-", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AA", in.Tokens.Refresh, reset[:len(reset)-1]} {
		requireBadCode(t, p.reset(none, another))
	}
}

func TestACodeMayBeTypedAsPeopleType(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	for name, typed := range map[string]func(string) string{
		"lower case":   strings.ToLower,
		"no hyphens":   func(c string) string { return strings.ReplaceAll(c, "-", "") },
		"spaces":       func(c string) string { return "  " + strings.ReplaceAll(c, "-", " ") + "\n" },
		"digits for O": func(c string) string { return strings.NewReplacer("O", "0", "I", "1").Replace(c) },
	} {
		p.exec("update users set email_verified = false")
		p.clock.pass(account.CodeWindow)
		require.NoError(t, p.verify(typed(p.verifyCode(in))), name)
	}
}

func TestOnlyHashesOfCodesAreKept(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	p.resetCode("ada@example.com")
	p.verifyCode(in)
	for _, table := range []string{"mailed_codes", "outbox", "river_job", "mails", "job_leases"} {
		var rows string
		require.NoError(t, p.pool.QueryRow(t.Context(), "select coalesce(string_agg(to_jsonb(x)::text, ' '), '') from "+table+" x").Scan(&rows))
		for _, code := range p.codes("ada@example.com") {
			require.NotContains(t, rows, code, table)
			require.NotContains(t, rows, strings.ReplaceAll(code, "-", ""), table)
		}
	}
	require.Equal(t, 2, p.count("select count(*) from mailed_codes where length(hash) = 32"))
	require.NotContains(t, p.log.String(), p.codes("ada@example.com")[0])
}

func TestAnAccountGetsFiveCodesAnHourForEachPurpose(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	p.join("eve@example.com")
	for range account.MaxCodes + 2 {
		p.forgotten("ada@example.com")
		p.settled()
	}
	require.Len(t, p.codes("ada@example.com"), account.MaxCodes)
	p.verifyCode(in)
	p.resetCode("eve@example.com")
	require.Equal(t, account.MaxCodes+1, p.count("select count(*) from outbox where type = 'user.password_reset_requested'"), "only mails are told of")
	p.clock.pass(account.CodeWindow - time.Second)
	p.forgotten("ada@example.com")
	require.Len(t, p.codes("ada@example.com"), account.MaxCodes+1)
	p.clock.pass(time.Second)
	p.resetCode("ada@example.com")
}

func TestARunThatIsRepeatedMailsTheSameCode(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	in := p.join("ada@example.com")
	id := newID(t)
	p.catcher.Script(mailcatcher.Step{At: mailcatcher.AtRcpt, Code: 451})
	require.Error(t, account.MailCode(t.Context(), p.Service, 1, id, in.User.ID, "password_reset"))
	var first, second []byte
	require.NoError(t, p.pool.QueryRow(t.Context(), "select hash from mailed_codes").Scan(&first))
	p.clock.pass(time.Minute)
	for lease := range int64(2) { // the second finds it sent
		require.NoError(t, account.MailCode(t.Context(), p.Service, 2+lease, id, in.User.ID, "password_reset"))
	}
	require.NoError(t, p.pool.QueryRow(t.Context(), "select hash from mailed_codes").Scan(&second))
	require.Equal(t, first, second)
	require.Equal(t, 1, p.count("select count(*) from outbox where type = 'user.password_reset_requested'"))
	codes := p.codes("ada@example.com")
	require.Len(t, codes, 1)
	p.clock.pass(account.CodeLifetime - time.Minute - time.Second)
	require.NoError(t, p.reset(codes[0], another))
}

func TestNobodyElseGetsACode(t *testing.T) {
	t.Parallel()
	p := setupPost(t)
	off, erasing := p.join("off@example.com"), p.join("erasing@example.com")
	offCode, erasingCode := p.resetCode("off@example.com"), p.resetCode("erasing@example.com")
	offVerify, erasingVerify := p.verifyCode(off), p.verifyCode(erasing)
	p.exec("update users set is_active = false where id = $1", off.User.ID)
	p.deleted(erasing)
	sent := len(p.catcher.List())
	for _, email := range []string{"off@example.com", "erasing@example.com", "nobody@example.com"} {
		p.forgotten(email)
	}
	for _, user := range []uuid.UUID{off.User.ID, erasing.User.ID, newID(t)} {
		_, err := p.RequestEmailVerification(t.Context(), user, "")
		require.NoError(t, err)
	}
	p.settled()
	require.Len(t, p.catcher.List(), sent)
	require.Zero(t, p.count("select count(*) from river_job where state <> 'completed'"))
	for _, code := range []string{offCode, erasingCode} {
		requireBadCode(t, p.reset(code, another))
	}
	for _, code := range []string{offVerify, erasingVerify} {
		requireBadCode(t, p.verify(code))
	}
}
