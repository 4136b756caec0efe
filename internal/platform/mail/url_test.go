package mail_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/mail"
)

func TestServersAreReadFromURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"smtp://mail.example.com", "smtp://mail.example.com:25", "smtp://mail.example.com/", "smtp://[::1]:2525",
		"smtp://us:hunter2@mail.example.com:587", "smtp://us:hunter2@mail.example.com?starttls=required",
		"smtp://mail.example.com?starttls=opportunistic", "smtp://127.0.0.1:1025?starttls=off",
		"smtps://mail.example.com", "smtps://us:hunter2@mail.example.com:465", "smtps://us%40example.com:p%2Fw@mail.example.com",
	} {
		_, err := mail.ParseURL(url)
		require.NoError(t, err, url)
	}
}

func TestAURLThatIsNoServerIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for url, why := range map[string]string{
		"":                                              "must be smtp://",
		"mail.example.com:25":                           "must be smtp://",
		"smtp:mail.example.com":                         "must be smtp://",
		"http://us:hunter2@mail.example.com":            "must be smtp://",
		"smtp://us:hunter2@":                            "must be smtp://",
		"smtp://us:hunter2@mail:port":                   "must be smtp://",
		"smtp://us:hunter2@mail:70000":                  "must be smtp://",
		"smtp://us:hunter2@mail/inbox":                  "must be smtp://",
		"smtp://us:hunter2@mail#x":                      "must be smtp://",
		"smtp://us:hunter2@mail?tls=off":                "must be smtp://",
		"smtp://us@mail":                                "must be smtp://",
		"smtp://:hunter2@mail":                          "must be smtp://",
		"smtp://us:hunter2%@mail":                       "must be smtp://",
		"smtp://mail?starttls=maybe":                    "starttls",
		"smtp://mail?starttls=":                         "starttls",
		"smtps://mail?starttls=off":                     "starttls",
		"smtp://us:hunter2@mail?starttls=off":           "in the clear",
		"smtp://us:hunter2@mail?starttls=opportunistic": "in the clear",
	} {
		_, err := mail.ParseURL(url)
		require.ErrorContains(t, err, why, url)
		require.NotContains(t, err.Error(), "hunter2")
		_, err = mail.New(mail.Config{URL: url, From: "a@example.com"})
		require.ErrorContains(t, err, "mail server")
	}
}

func TestTheSenderIsAnAddress(t *testing.T) {
	t.Parallel()
	for text, name := range map[string]string{"a@example.com": "", "FluentPro <a@example.com>": "FluentPro", `"Fluent, Pro" <a@example.com>`: "Fluent, Pro", "流利 <a@example.com>": "流利"} {
		a, err := mail.ParseFrom(text)
		require.NoError(t, err)
		require.Equal(t, name, a.Name)
		require.Equal(t, "a@example.com", a.Address)
	}
	for _, text := range []string{"", "FluentPro", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com"} {
		_, err := mail.ParseFrom(text)
		require.Error(t, err, text)
		_, err = mail.New(mail.Config{URL: "smtps://mail", From: text})
		require.ErrorContains(t, err, "mail sender")
	}
}
