package task

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// completed is t with what came of it. Fault: task.result_too_large.
func (t Task) completed(result any) (Task, error) {
	text, err := json.Marshal(result)
	switch {
	case err != nil:
		return t, fmt.Errorf("result of task %s: %w", t.Kind, err)
	case len(text) > MaxResult:
		return t, errResultTooLarge
	case bytes.Equal(text, []byte("null")):
		text = nil
	case text[0] != '{':
		return t, fmt.Errorf("result of task %s: %T is no object in JSON", t.Kind, result)
	}
	t.Status, t.Result = StatusCompleted, text
	return t, nil
}

// failed is t with why it failed, as far as its user may know.
func (t Task) failed(cause error) Task {
	t.Status, t.Problem = StatusFailed, &Problem{Code: "server.internal", Detail: "The task could not be done."}
	if f := fault.Find(cause); f != nil && f.Kind != fault.Internal {
		t.Problem = &Problem{Code: f.Code, Detail: f.Message}
	}
	return t
}

func (t Task) cancelled() Task {
	t.Status = StatusCancelled
	return t
}

// permanent tells a failure that another attempt would only repeat.
func permanent(err error) bool {
	f := fault.Find(err)
	return f != nil && f.Kind != fault.Unavailable && f.Kind != fault.Internal
}
