package backup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

// ParseRecipients reads recipients that are separated by commas: age1... each.
func ParseRecipients(text string) (out []age.Recipient, err error) {
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		r, err := age.ParseX25519Recipient(name)
		if err != nil {
			return nil, errors.New("must be recipients of age-encryption.org (age1...), separated by commas")
		}
		out = append(out, r)
	}
	return out, nil
}

// names are the recipients as a manifest says them.
func names(recipients []age.Recipient) []string {
	out := make([]string, 0, len(recipients))
	for _, r := range recipients {
		out = append(out, fmt.Sprint(r))
	}
	return out
}

// Identities reads a file with identities, as age-keygen makes them.
func Identities(path string) ([]age.Identity, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's own choice
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	defer func() { _ = f.Close() }()
	found, err := age.ParseIdentities(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read identity: %s holds none", path) // the cause may quote it
	}
	return found, nil
}

// NewIdentity makes an identity file, for its owner alone, and gives the recipient. One that is
// there is kept.
func NewIdentity(path string) (recipient string, err error) {
	if found, err := Identities(path); err == nil {
		if x, ok := found[0].(*age.X25519Identity); ok {
			return x.Recipient().String(), nil
		}
	}
	made, err := age.GenerateX25519Identity()
	if err != nil {
		return "", fmt.Errorf("make identity: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator's own choice
	if err != nil {
		return "", fmt.Errorf("make identity: %w", err)
	}
	_, err = fmt.Fprintf(f, "# reads the backups; public key: %s\n%s\n", made.Recipient(), made)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("make identity: %w", err)
	}
	return made.Recipient().String(), nil
}
