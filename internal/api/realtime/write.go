package realtime

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// Opcodes of RFC 6455, section 5.2.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

// writeLimit is how long the client may take nothing before its connection is given up.
const writeLimit = 10 * time.Second

// frame is one whole frame on the wire, of a server: final, not masked, not compressed. It
// is made once however many connections it goes to.
func frame(opcode byte, payload []byte) []byte {
	return append(appendHeader(make([]byte, 0, maxHeader+len(payload)), opcode, len(payload)), payload...)
}

// maxHeader is the longest header of a frame that is not masked.
const maxHeader = 10

func appendHeader(out []byte, opcode byte, n int) []byte {
	out = append(out, 0x80|opcode)
	switch {
	case n < 126:
		out = append(out, byte(n))
	case n <= 0xFFFF:
		out = append(out, 126)
		out = binary.BigEndian.AppendUint16(out, uint16(n))
	default:
		out = append(out, 127)
		out = binary.BigEndian.AppendUint64(out, uint64(n))
	}
	return out
}

// textFrame is the frame of a JSON text.
func textFrame(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode a frame: %w", err)
	}
	return frame(opText, text), nil
}

// muted is a network connection to which only we write: what the library would say by
// itself, such as close codes of its own, is dropped once the handshake is done. The
// library reads.
type muted struct {
	net.Conn
	quiet bool // set before anything is read
}

// Write passes on the handshake and drops all after it, as if it were written.
func (m *muted) Write(b []byte) (int, error) {
	if m.quiet {
		return len(b), nil
	}
	return m.Conn.Write(b)
}

// SetWriteDeadline leaves ours as it is.
func (m *muted) SetWriteDeadline(t time.Time) error {
	if m.quiet {
		return nil
	}
	return m.Conn.SetWriteDeadline(t)
}

// write sends whole frames in one go, or gives the connection up. It is safe for
// concurrent use; who writes while the client does not read waits.
func (c *conn) write(frames ...[]byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.writeLocked(frames)
}

func (c *conn) writeLocked(frames [][]byte) error {
	if c.mute { // a close frame was the last
		return net.ErrClosed
	}
	// Setting a deadline costs a system timer: not each of many small writes pays.
	if now := time.Now(); c.deadline.Sub(now) < writeLimit*3/4 {
		c.deadline = now.Add(writeLimit)
		if err := c.raw.SetWriteDeadline(c.deadline); err != nil {
			return err
		}
	}
	var err error
	if len(frames) == 1 {
		_, err = c.raw.Write(frames[0])
	} else {
		buffers := net.Buffers(frames)
		_, err = buffers.WriteTo(c.raw)
	}
	if err != nil {
		c.mute = true // perhaps half a frame is out: nothing may follow it
	}
	return err
}

// say writes one frame of JSON and reports whether the connection stands.
func (c *conn) say(v any) error {
	out, err := textFrame(v)
	if err != nil {
		return err
	}
	return c.write(out)
}

// closeWait is how long a close frame may take, and how long the client's own is waited
// for.
const closeWait = 2 * time.Second

// sayClose writes the last frame, unless the client reads so slowly that it does not get
// out: then the connection just ends.
func (c *conn) sayClose(v verdict) {
	payload := binary.BigEndian.AppendUint16(nil, uint16(v.code)) //nolint:gosec // 1000-4999
	payload = append(payload, v.reason...)
	_ = c.raw.SetWriteDeadline(time.Now().Add(closeWait)) // also ends a write that is stuck, soon
	c.writing.Lock()
	defer c.writing.Unlock()
	if !c.mute {
		_, _ = c.raw.Write(frame(opClose, payload))
		c.mute = true
	}
}
