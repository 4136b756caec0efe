package v2_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// The whole way: from the header of the sign-up to what the mail says.
func TestTheWelcomeMailSpeaksTheLanguageOfTheSignUp(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	database, err := pgx.Connect(t.Context(), s.Config.DatabaseURL)
	require.NoError(t, err)
	defer database.Close(t.Context())
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
		var made apiv2.SignUpResult
		s.Nobody().Do(t, call).Expect(t, http.StatusCreated, &made)
		_, err := database.Exec(t.Context(), `insert into river_job (kind, queue, args, max_attempts)
			values ('account.welcome_mail', 'auth', jsonb_build_object('v', 1, 'event_id', $1::uuid, 'user_id', $2::uuid), 5)`,
			uuid.New(), made.User.ID)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			mails, err := s.Mail.To(email)
			return err == nil && len(mails) == 1 && mails[0].Subject == subject
		}, 20*time.Second, 10*time.Millisecond, accept)
	}
}
