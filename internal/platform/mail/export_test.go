package mail

import "bytes"

// Compose writes a mail and gives it as it goes over the wire.
func Compose(m *Mailer, msg Message) ([]byte, error) {
	l, err := m.compose(msg)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = l.msg.WriteTo(&out)
	return out.Bytes(), err
}
