package presence

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// step is one command of a pipeline, or a script with one key.
type step struct {
	script lua   // zero: args are a command
	args   []any // of a script: its key first
	single bool  // is not to be sent again by the client: a second answer would be another one

	answer any
	err    error
}

func command(args ...any) *step { return &step{args: args} }

func script(s lua, key string, args ...any) *step {
	return &step{script: s, args: append([]any{key}, args...)}
}

func single(s *step) *step {
	s.single = true
	return s
}

// once is a command that the client does not send again by itself.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// add puts the step in a pipeline; whole sends the script's text.
func (s *step) add(ctx context.Context, pipe redis.Pipeliner, whole bool) *redis.Cmd {
	args := s.args
	if s.script.source != "" {
		name, text := "evalsha", s.script.hash
		if whole {
			name, text = "eval", s.script.source
		}
		args = append([]any{name, text, 1}, s.args...)
	}
	cmd := redis.NewCmd(ctx, args...)
	if s.script.source != "" {
		cmd.SetFirstKeyPos(3)
	}
	if s.single {
		_ = pipe.Process(ctx, once{cmd}) // it only queues
	} else {
		_ = pipe.Process(ctx, cmd)
	}
	return cmd
}

var errTimeout = errors.New("presence: redis did not answer in time")

// do makes one pipelined round trip, two where Redis does not know a script yet. Its
// error is the first of a step, wraps ErrUnavailable, or is ctx's own; other steps
// may have been done, as each one's err says.
func (p *Presence) do(ctx context.Context, operation string, steps ...*step) error {
	bounded, cancel := context.WithTimeoutCause(ctx, p.config.Timeout, errTimeout)
	defer cancel()
	p.pipeline(bounded, steps, false)
	var unknown []*step
	for _, s := range steps {
		if redis.HasErrorPrefix(s.err, "NOSCRIPT") { // so it did not run
			unknown = append(unknown, s)
		}
	}
	if len(unknown) > 0 {
		p.pipeline(bounded, unknown, true)
	}
	for _, s := range steps {
		switch {
		case s.err == nil:
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", operation, context.Cause(ctx))
		case bounded.Err() != nil:
			return fmt.Errorf("%s: %w: %w: %w", operation, ErrUnavailable, context.Cause(bounded), s.err)
		default:
			return fmt.Errorf("%s: %w: %w", operation, ErrUnavailable, s.err)
		}
	}
	return nil
}

func (p *Presence) pipeline(ctx context.Context, steps []*step, whole bool) {
	pipe := p.config.Client.Pipeline()
	cmds := make([]*redis.Cmd, len(steps))
	for i, s := range steps {
		cmds[i] = s.add(ctx, pipe, whole)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for i, s := range steps {
		s.answer, s.err = cmds[i].Result()
		if errors.Is(s.err, redis.Nil) {
			s.answer, s.err = nil, nil
		}
	}
}

// fields gives the parts of a script's answer, as many as it must have.
func (s *step) fields(n int) ([]any, error) {
	all, ok := s.answer.([]any)
	if !ok || len(all) != n {
		return nil, fmt.Errorf("presence: a script answered %T", s.answer)
	}
	return all, nil
}

// texts gives an answer that is a list of text.
func texts(answer any) []string {
	list, _ := answer.([]any)
	all := make([]string, 0, len(list))
	for _, text := range list {
		all = append(all, fmt.Sprint(text))
	}
	return all
}
