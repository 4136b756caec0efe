package record

import (
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Step is a version as the history shows it.
type Step struct {
	Version   int64      `json:"version"`
	Parent    *int64     `json:"parent"`
	Operation string     `json:"operation"`
	ActorID   *uuid.UUID `json:"actor_id"` // nil: the service itself, or an operator
	Operator  string     `json:"operator,omitempty"`
	At        time.Time  `json:"at"`
	Checksum  string     `json:"checksum"`
	Restored  *int64     `json:"restored_version"` // whose content it has, where it is a step back
	Messages  []string   `json:"messages,omitempty"`
}

// History gives the newest steps, the newest first.
func (r *Record) History(limit int) []Step {
	out := make([]Step, 0, min(limit, len(r.Versions)))
	for _, v := range slices.Backward(r.Versions) {
		if len(out) == limit {
			break
		}
		st := Step{Version: v.Version, Parent: v.Parent, Operation: v.Operation, ActorID: v.ActorID, At: v.At, Checksum: hex.EncodeToString(v.Checksum)}
		if e, err := v.read(); err == nil {
			st.Operator = e.Change.Operator
			if e.Change.RestoredVersion > 0 {
				st.Restored = &e.Change.RestoredVersion
			}
			for _, id := range []uuid.UUID{e.Change.GreetingID, e.Change.MessageID, e.Change.ReplyID} {
				if id != uuid.Nil {
					st.Messages = append(st.Messages, id.String())
				}
			}
		}
		out = append(out, st)
	}
	return out
}
