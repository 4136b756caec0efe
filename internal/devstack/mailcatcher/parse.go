package mailcatcher

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
)

// Summary is a line of the list. Texts are as a mail program shows them: decoded.
type Summary struct {
	ID         string    `json:"id"`
	ReceivedAt time.Time `json:"received_at"`
	From       string    `json:"from"`
	To         string    `json:"to"`
	Subject    string    `json:"subject"`
	Recipients []string  `json:"recipients"` // of the envelope
}

// Header is one line of a mail's head.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Mail is one mail, taken apart.
type Mail struct {
	Summary
	Headers []Header `json:"headers"`
	Text    string   `json:"text"`
	HTML    string   `json:"html"`
	Problem string   `json:"problem,omitempty"` // why it could not be read whole
	Source  string   `json:"-"`
}

// Header gives the first header of a name, in any case, or nothing.
func (m Mail) Header(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

func (s Summary) isTo(address string) bool {
	return slices.ContainsFunc(s.Recipients, func(r string) bool { return strings.EqualFold(r, address) })
}

// parse takes a mail apart. One that is broken is shown as far as it can be read.
func parse(id string, source []byte) Mail {
	m := Mail{Summary: Summary{ID: id, ReceivedAt: receivedAt(id), Recipients: []string{}}, Headers: []Header{}, Source: string(source)}
	reader, err := mail.CreateReader(bytes.NewReader(source))
	if reader == nil {
		m.Problem = err.Error()
		return m
	}
	defer func() { _ = reader.Close() }() // it was only read
	m.readHeaders(reader.Header)
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return m
		}
		if err != nil && !message.IsUnknownCharset(err) {
			m.Problem = err.Error()
			return m
		}
		m.readPart(part)
	}
}

func (m *Mail) readHeaders(h mail.Header) {
	for fields := h.Fields(); fields.Next(); {
		value, err := fields.Text()
		if err != nil { // shown as it is
			value = fields.Value()
		}
		m.Headers = append(m.Headers, Header{Name: fields.Key(), Value: value})
		if strings.EqualFold(fields.Key(), "Delivered-To") {
			m.Recipients = append(m.Recipients, value)
		}
	}
	m.From, m.To, m.Subject = m.Header("From"), m.Header("To"), m.Header("Subject")
}

// readPart keeps the first text and the first HTML; others are in the source.
func (m *Mail) readPart(part *mail.Part) {
	h, ok := part.Header.(*mail.InlineHeader)
	if !ok {
		return
	}
	text, err := io.ReadAll(part.Body)
	if err != nil {
		m.Problem = err.Error()
	}
	kind, _, _ := h.ContentType() // text/plain where it cannot be read
	switch {
	case kind == "text/html" && m.HTML == "":
		m.HTML = string(text)
	case kind != "text/html" && m.Text == "":
		m.Text = string(text)
	}
}
