package mailcatcher

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// suffix ends the name of each mail's file; the rest is its id, which sorts by
// time.
const suffix = ".eml"

// box keeps mails in a folder and their summaries in memory.
type box struct {
	dir  string
	kept int

	mu    sync.Mutex
	mails []Summary // oldest first
}

// envelope is what the client said of a mail, whatever its headers say.
type envelope struct {
	from string
	to   []string
}

// openBox reads what is in the folder.
func openBox(dir string, kept int) (*box, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir) // in the order of names
	if err != nil {
		return nil, err
	}
	b := &box{dir: dir, kept: kept}
	for _, entry := range entries {
		id, isMail := strings.CutSuffix(entry.Name(), suffix)
		if !isMail || uuid.Validate(id) != nil {
			continue
		}
		m, err := b.read(id)
		if err != nil {
			return nil, err
		}
		b.mails = append(b.mails, m.Summary)
	}
	return b, b.forget()
}

// keep stores a mail. The envelope goes before its headers, as mail servers do
// on delivery.
func (b *box) keep(e envelope, text []byte) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "Return-Path: <%s>\r\n", e.from)
	for _, to := range e.to {
		fmt.Fprintf(&out, "Delivered-To: %s\r\n", to)
	}
	out.Write(text)
	b.mu.Lock()
	defer b.mu.Unlock()
	id, err := uuid.NewV7() // under the lock, so that the order of ids is that of mails
	if err != nil {
		return err
	}
	if err := b.write(id.String(), out.Bytes()); err != nil {
		return err
	}
	b.mails = append(b.mails, parse(id.String(), out.Bytes()).Summary)
	return b.forget()
}

// write makes the file whole or not at all.
func (b *box) write(id string, text []byte) error {
	half := filepath.Join(b.dir, id+".tmp")
	if err := os.WriteFile(half, text, 0o600); err != nil {
		return err
	}
	return os.Rename(half, b.path(id))
}

// forget removes the oldest mails beyond those to keep.
func (b *box) forget() error {
	for len(b.mails) > b.kept {
		if err := os.Remove(b.path(b.mails[0].ID)); err != nil {
			return err
		}
		b.mails = b.mails[1:]
	}
	return nil
}

// list gives the summaries, newest first.
func (b *box) list() []Summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.mails)
	slices.Reverse(all)
	return all
}

// source is the mail as it came.
func (b *box) source(id string) ([]byte, error) {
	if uuid.Validate(id) != nil { // nor anything with a slash
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(b.path(id))
}

func (b *box) read(id string) (Mail, error) {
	text, err := b.source(id)
	if err != nil {
		return Mail{}, err
	}
	return parse(id, text), nil
}

func (b *box) path(id string) string { return filepath.Join(b.dir, id+suffix) }

// receivedAt is the time that an id was made at.
func receivedAt(id string) time.Time {
	seconds, nanos := uuid.MustParse(id).Time().UnixTime()
	return time.Unix(seconds, nanos).UTC()
}
