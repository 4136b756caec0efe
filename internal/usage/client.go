package usage

import (
	"strings"

	"github.com/mssola/useragent"
)

// Clients that are not told apart.
const (
	unknownClient = "unknown" // it sent no User-Agent, or one of no form
	otherClients  = "other"   // there are too many
)

const maxFamily = 40

// family names the kind of client behind a User-Agent: of a browser its name, of
// anything else the first product without its version (RFC 9110, section 10.1.5).
func family(userAgent string) string {
	name, _, _ := strings.Cut(userAgent, "/")
	if strings.HasPrefix(userAgent, "Mozilla/") {
		name, _ = useragent.New(userAgent).Browser()
	}
	name, _, _ = strings.Cut(strings.TrimSpace(name), "(")
	name = strings.TrimSpace(name)
	if name == "" || len(name) > maxFamily || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
		return unknownClient
	}
	return name
}
