package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	netmail "net/mail"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

// Characters of a name and of a subject, at most: a line of a mail has 998 bytes
// (RFC 5322, 2.1.1), and some texts cannot be folded.
const (
	maxName    = 100
	maxSubject = 200
)

// errAddress is an address that no mail can be sent to. It does not quote it.
var errAddress = errors.New("the recipient's address cannot be read")

// letter is a mail ready to go.
type letter struct {
	key, messageID, template, language string

	msg   *gomail.Msg
	ascii bool // all addresses are, so that no server needs SMTPUTF8 for them
}

// compose writes the mail. The same message gives the same bytes, except for the
// date, and the same Message-ID always.
func (m *Mailer) compose(in Message) (letter, error) {
	to, err := recipient(in.To)
	if err != nil {
		return letter{}, err
	}
	text, err := m.templates.render(in.Template, in.Language, in.Data)
	if err != nil {
		return letter{}, err
	}
	sum := sha256.Sum256([]byte(in.Key))
	id := hex.EncodeToString(sum[:16])
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary("part-"+hex.EncodeToString(sum[16:])))
	from := m.from
	msg.FromMailAddress(&from)
	msg.ToMailAddress(&to)
	msg.Subject(text.subject)
	msg.SetDateWithValue(m.now())
	l := letter{
		key: in.Key, messageID: id + "@" + domain(from.Address), template: in.Template, language: in.Language,
		msg: msg, ascii: isASCII(from.Address) && isASCII(to.Address),
	}
	msg.SetMessageIDWithValue(l.messageID)
	msg.SetGenHeader(gomail.HeaderContentLang, in.Language)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday notes in answer, please
	msg.SetBodyString(gomail.TypeTextPlain, text.text)
	msg.AddAlternativeString(gomail.TypeTextHTML, text.html)
	if _, err := msg.WriteTo(io.Discard); err != nil { // found now, and not with the server listening
		return letter{}, err
	}
	return l, nil
}

// recipient checks an address and makes the name fit for a header. Names that
// are not ASCII are encoded (RFC 2047) when the header is written.
func recipient(a Address) (netmail.Address, error) {
	parsed, err := netmail.ParseAddress("<" + a.Address + ">")
	if err != nil || parsed.Address != a.Address || strings.ContainsFunc(a.Address, unicode.IsControl) {
		return netmail.Address{}, errAddress
	}
	return netmail.Address{Name: oneLine(a.Name, maxName), Address: a.Address}, nil
}

// oneLine makes one line of a text, of so many characters at most: what ends a
// header, controls a terminal or turns the direction of writing becomes a space.
func oneLine(text string, limit int) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, text)
	line := []rune(strings.Join(strings.Fields(clean), " "))
	return string(line[:min(limit, len(line))])
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
