package v2_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
)

// The whole way: from the header of the sign-up to what the mail says.
func TestTheWelcomeMailSpeaksTheLanguageOfTheSignUp(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	for accept, subject := range map[string]string{
		"":                         "Welcome to FluentPro",
		"fr, ja;q=0.5":             "Welcome to FluentPro",
		"zh-TW, en;q=0.5":          "歡迎使用 FluentPro",
		"zh-CN, zh;q=0.9, en;q=.1": "欢迎使用 FluentPro",
	} {
		email := fmt.Sprintf("%s@example.com", uuid.New())
		call := apitest.Call{Method: http.MethodPost, Path: "/users", Body: signUpBody(func(b map[string]any) { b["email"] = email })}
		if accept != "" {
			call.Header = map[string]string{"Accept-Language": accept}
		}
		s.Nobody().Do(t, call).Expect(t, http.StatusCreated, nil)
		require.Eventually(t, func() bool {
			mails, err := s.Mail.To(email)
			return err == nil && slices.ContainsFunc(mails, func(m mailcatcher.Mail) bool { return m.Subject == subject })
		}, 20*time.Second, 10*time.Millisecond, accept)
	}
}
