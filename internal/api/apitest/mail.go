package apitest

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience is how long tests wait for what must happen at all; the machine may be busy.
const Patience = 20 * time.Second

// Subjects of the mails that hold a code.
const (
	SubjectVerify = "Verify your email for FluentPro"
	SubjectReset  = "Reset your FluentPro password"
	SubjectChange = "Confirm your new email for FluentPro"
)

// mailedCode is a code, alone on its line.
var mailedCode = regexp.MustCompile(`(?m)^\s*([A-Z2-7]{4}(?:-[A-Z2-7]{2,4}){6})\s*$`)

// Mailed waits for a mail of this subject to an address and gives the code in it: of
// several, that of the newest.
func (s *Server) Mailed(t testing.TB, address, subject string) (code string) {
	t.Helper()
	require.Eventually(t, func() bool {
		mails, err := s.Mail.To(address)
		if err != nil {
			return false
		}
		for _, m := range mails {
			if found := mailedCode.FindStringSubmatch(m.Text); m.Subject == subject && found != nil {
				code = found[1]
				return true
			}
		}
		return false
	}, Patience, 10*time.Millisecond, "no mail %q to %s", subject, address)
	return code
}
