package partner

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// garbage breaks off in the middle of an event.
const garbage = `data: {"id":"chatcmpl-0","choices":[{"index":0,"delta":{"content":` + "\n\n"

// stream sends the answer as server-sent events, one token each.
func (a *answer) stream(w http.ResponseWriter) error {
	media := "text/event-stream"
	if a.step.ContentType != "" {
		media = a.step.ContentType
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Request-Id", a.id)
	out := &events{answer: a, w: w, flush: http.NewResponseController(w).Flush}
	if err := out.send(""); err != nil { // the headers alone
		return err
	}
	if err := a.wait(a.hold); err != nil {
		return err
	}
	if err := out.delta(`{"role":"assistant","content":""}`); err != nil {
		return err
	}
	said, err := a.speak(out)
	if err != nil {
		return err
	}
	return out.finish(said)
}

// speak sends the tokens at their pace and meets the failures on the way. Each
// token is due at a fixed time after the first, so that delays do not add up.
func (a *answer) speak(out *events) (said int, err error) {
	start := time.Now()
	for total := len(a.tokens); ; said++ {
		switch {
		case reached(a.step.BreakAfter, said, total):
			return said, errCut
		case reached(a.step.SilentAfter, said, total):
			return said, a.silence()
		case total == 0 || said == total && !a.step.Endless:
			return said, nil
		}
		if err := a.turn(start, said); err != nil {
			return said, err
		}
		if a.step.Garbage {
			return said, out.send(garbage)
		}
		if err := out.token(a.tokens[said%total]); err != nil {
			return said, err
		}
	}
}

// turn waits until token n may go out: through the gate, or at its time.
func (a *answer) turn(start time.Time, n int) error {
	if a.step.Gate == nil {
		return a.wait(time.Until(start.Add(time.Duration(n) * a.pause)))
	}
	select {
	case _, open := <-a.step.Gate:
		if open {
			return nil
		}
		return a.wait(a.pause)
	case <-a.client.Done():
		return errLeft
	case <-a.server.Done():
		return errClosed
	}
}

// events writes chunks in the protocol's form. The buffer is used again for
// every token: load tests run hundreds of streams beside what they measure.
type events struct {
	answer *answer
	w      http.ResponseWriter
	flush  func() error
	buf    []byte
}

func (e *events) send(raw string) error {
	if _, err := e.w.Write([]byte(raw)); err != nil {
		return err
	}
	return e.flush()
}

func (e *events) token(text string) error {
	return e.delta(`{"content":` + string(appendJSON(nil, text)) + `}`)
}

func (e *events) delta(delta string) error {
	return e.chunk(`[{"index":0,"delta":`+delta+`,"logprobs":null,"finish_reason":null}]`, "null")
}

// finish sends the reason, the counts if asked for, and the end mark.
func (e *events) finish(said int) error {
	reason := appendJSON(nil, e.answer.finish)
	if err := e.chunk(`[{"index":0,"delta":{},"logprobs":null,"finish_reason":`+string(reason)+`}]`, "null"); err != nil {
		return err
	}
	if e.answer.usage && !e.answer.step.OmitUsage {
		counts, err := json.Marshal(e.answer.counts(said))
		if err != nil {
			return err
		}
		if err := e.chunk(`[]`, string(counts)); err != nil {
			return err
		}
	}
	return e.send("data: [DONE]\n\n")
}

// chunk writes one event. Usage is null in all but the last when it was asked
// for, and absent when it was not.
func (e *events) chunk(choices, usage string) error {
	a := e.answer
	b := e.buf[:0]
	b = append(b, `data: {"id":"`...)
	b = append(b, a.id...)
	b = append(b, `","object":"chat.completion.chunk","created":`...)
	b = strconv.AppendInt(b, createdAt, 10)
	b = append(b, `,"model":`...)
	b = appendJSON(b, a.model)
	b = append(b, `,"choices":`...)
	b = append(b, choices...)
	if a.usage && !a.step.OmitUsage {
		b = append(b, `,"usage":`...)
		b = append(b, usage...)
	}
	b = append(b, "}\n\n"...)
	e.buf = b
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.flush()
}

func appendJSON(b []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // a string always marshals
	return append(b, quoted...)
}
