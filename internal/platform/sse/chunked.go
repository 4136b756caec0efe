package sse

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// chunked writes the rest of a response of HTTP/1.1 whose head is out: each flush is one
// chunk (RFC 9112, section 7.1) in one write. Between flushes it holds no buffer, so that
// silence costs nothing. It is for one goroutine at a time.
type chunked struct {
	net.Conn
	pending *[]byte // of the chunk that is being put together; nil: nothing
	written int64   // bytes of the stream
}

// A chunk begins with its size, in hexadecimal digits of which the first may be zeros.
const (
	sizeDigits = 8
	endOfChunk = "\r\n"
	lastChunk  = "0\r\n\r\n"
)

// maxKept bounds a buffer that waits to be used again.
const maxKept = 16 << 10

var chunks = sync.Pool{New: func() any { return new([]byte) }}

// Write adds to the chunk that the next Flush sends; it does not fail.
func (c *chunked) Write(p []byte) (int, error) {
	if c.pending == nil {
		c.pending = chunks.Get().(*[]byte)
		*c.pending = append((*c.pending)[:0], "00000000\r\n"...)
	}
	*c.pending = append(*c.pending, p...)
	c.written += int64(len(p))
	return len(p), nil
}

// Flush sends what was written as one chunk.
func (c *chunked) Flush() error {
	if c.pending == nil {
		return nil
	}
	chunk := *c.pending
	size := strconv.AppendInt(make([]byte, 0, sizeDigits), int64(len(chunk)-sizeDigits-len(endOfChunk)), 16)
	copy(chunk[sizeDigits-len(size):], size)
	chunk = append(chunk, endOfChunk...)
	*c.pending = chunk
	_, err := c.Conn.Write(chunk)
	if cap(chunk) <= maxKept {
		chunks.Put(c.pending)
	}
	c.pending = nil
	return gone(err)
}

// end says that the response is whole.
func (c *chunked) end(limit time.Duration) error {
	if err := c.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return gone(err)
	}
	_, err := c.Conn.Write([]byte(lastChunk))
	return gone(err)
}

// gone says of a write's error what net/http says by the context of a request: that the
// client is not there any more.
func gone(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", context.Canceled, err)
}
