package job

import (
	"encoding/json"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// metadata is our part of what the engine keeps beside a job. Nodes of
// neighbouring releases read it: members may be added, never changed.
type metadata struct {
	Origin origin `json:"origin"`
}

type origin struct {
	ActorID       uuid.UUID `json:"actor_id,omitzero"`
	CorrelationID string    `json:"correlation_id,omitempty"`
	CausationID   uuid.UUID `json:"causation_id,omitzero"`
}

// originMetadata is what carries o from the insert to the runs; nil when there
// is nothing to carry.
func originMetadata(o telemetry.Origin) []byte {
	if o == (telemetry.Origin{}) {
		return nil
	}
	text, _ := json.Marshal(metadata{Origin: origin(o)}) // texts and ids: it cannot fail
	return text
}

// originOf reads it again. Metadata of another form say nothing.
func originOf(text []byte) telemetry.Origin {
	var m metadata
	_ = json.Unmarshal(text, &m)
	return telemetry.Origin(m.Origin)
}
