package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"log/slog"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/app"
)

// socket is a WebSocket that costs the load as little as it can: one buffer, frames that
// are masked with nothing, no check of what comes.
type socket struct {
	conn net.Conn
	r    *bufio.Reader
	text []byte
	out  []byte
}

// openSocket connects and says by the header who it is.
func openSocket(ctx context.Context, address, token string, buffer int) (*socket, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, r: bufio.NewReaderSize(conn, buffer)}
	_, err = fmt.Fprintf(conn, "GET /api/v2/realtime HTTP/1.1\r\nHost: load\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: fluentpro.v2.json\r\n"+
		"Authorization: Bearer %s\r\n\r\n", token)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	answer, err := http.ReadResponse(s.r, nil) //nolint:bodyclose // what follows is the connection
	if err == nil && answer.StatusCode != http.StatusSwitchingProtocols {
		err = errors.New(answer.Status)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect: %w", err), conn.Close())
	}
	return s, nil
}

// send writes one text frame.
func (s *socket) send(text []byte) error {
	s.out = append(s.out[:0], 0x81)
	if n := len(text); n < 126 {
		s.out = append(s.out, 0x80|byte(n))
	} else {
		s.out = binary.BigEndian.AppendUint16(append(s.out, 0x80|126), uint16(n)) //nolint:gosec // frames of the load are small
	}
	s.out = append(append(s.out, 0, 0, 0, 0), text...)
	_, err := s.conn.Write(s.out)
	return err
}

// next reads one text frame; it is good until the next one. Pings are answered.
func (s *socket) next() ([]byte, error) {
	for {
		head, err := s.r.Peek(2)
		if err != nil {
			return nil, err
		}
		op, n := head[0]&0xf, int(head[1])
		_, _ = s.r.Discard(2) // it was there
		if n == 126 {
			var b [2]byte
			if _, err := io.ReadFull(s.r, b[:]); err != nil {
				return nil, err
			}
			n = int(binary.BigEndian.Uint16(b[:]))
		}
		if cap(s.text) < n {
			s.text = make([]byte, n)
		}
		s.text = s.text[:n]
		if _, err := io.ReadFull(s.r, s.text); err != nil {
			return nil, err
		}
		switch op {
		case 0x1:
			return s.text, nil
		case 0x8:
			return nil, fmt.Errorf("closed with %d", binary.BigEndian.Uint16(s.text))
		case 0x9:
			if _, err := s.conn.Write([]byte{0x8a, 0x80, 0, 0, 0, 0}); err != nil {
				return nil, err
			}
		}
	}
}

// call sends a command and reads its reply, past what is pushed meanwhile.
func (s *socket) call(command string) error {
	if err := s.send([]byte(command)); err != nil {
		return err
	}
	for {
		text, err := s.next()
		switch {
		case err != nil:
			return err
		case strings.Contains(string(text), `"error":`):
			return fmt.Errorf("%s: %s", command, text)
		case strings.HasPrefix(string(text), `{"id"`):
			return nil
		}
	}
}

// crowd signs up n people, through a service in this process whose passwords cost nothing:
// what they cost is not what is measured.
func (s *stage) crowd(ctx context.Context, n int) (tokens []string, err error) {
	cfg, err := app.FromEnvironment([]string{
		"FLUENTPRO_DATABASE_URL=" + s.database, "FLUENTPRO_REDIS_URL=" + s.redis, "FLUENTPRO_TOKEN_ISSUER=http://figures.test",
		"FLUENTPRO_MODEL_BASE_URL=" + s.model.url + "/v1", "FLUENTPRO_MODEL_NAME=figures", "FLUENTPRO_SMTP_URL=" + s.smtpURL,
		"FLUENTPRO_RATE_AUTH=0", "FLUENTPRO_KEY_ENCRYPTION_KEY=" + s.masterKey, "FLUENTPRO_TOKEN_LIFETIME=1h",
	})
	if err != nil {
		return nil, err
	}
	a, err := app.New(ctx, cfg, slog.New(slog.DiscardHandler), app.Options{HashCost: account.HashCost{KiB: 64, Passes: 1}})
	if err != nil {
		return nil, err
	}
	defer a.Close()
	tokens = make([]string, n)
	var mu sync.Mutex
	next := 0
	run := time.Now().UnixNano()
	return tokens, inParallel(ctx, clients, func(context.Context, int) error {
		for {
			mu.Lock()
			i := next
			next++
			mu.Unlock()
			if i >= n {
				return nil
			}
			body := fmt.Sprintf(`{"email":"crowd-%d-%d@example.com","password":"Harbour-Light-42","full_name":"Mei Chen"}`, run, i)
			request := httptest.NewRequest(http.MethodPost, "/api/v2/users", strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, request)
			var made apiv2.SignUpResult
			if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != http.StatusCreated {
				return fmt.Errorf("sign up: %d %s", w.Code, w.Body)
			}
			tokens[i] = made.Tokens.AccessToken
		}
	})
}
