package fault_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

// built is the service as it is shipped, built once for all faults.
var built struct {
	once sync.Once
	dir  string
	said string
	err  error
}

// buildService gives the path of the service's binary.
func buildService(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "fault"); built.err != nil {
			return
		}
		var out []byte
		out, built.err = exec.Command("go", "build", "-o", filepath.Join(built.dir, "fluentpro"), "../../cmd/fluentpro").CombinedOutput()
		built.said = string(out)
	})
	require.NoError(t, built.err, built.said)
	return filepath.Join(built.dir, "fluentpro")
}

// settingsOf are the environment of a process of the service, but for its address.
func settingsOf(t *testing.T, database, redis, model string) (out []string) {
	t.Helper()
	for name, value := range map[string]string{
		"ENV": "test", "DATABASE_URL": database, "REDIS_URL": redis,
		"MODEL_BASE_URL": model + "/v1", "MODEL_NAME": "m", "SMTP_URL": apitest.MailCatcher(t).SMTPURL(),
		"TOKEN_ISSUER": "http://fluentpro.test", "KEY_ENCRYPTION_KEY": apitest.KeyEncryptionKey,
		"RATE_AUTH": "0", "RATE_API": "0", "RATE_MESSAGES": "0",
	} {
		out = append(out, "FLUENTPRO_"+name+"="+value)
	}
	return out
}

// freeAddress is one that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	return free.Addr().String()
}

// isReady reports whether a process of the service says so.
func isReady(url string) bool {
	response, err := http.Get(url + "/readyz")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
