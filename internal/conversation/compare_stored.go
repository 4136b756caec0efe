package conversation

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

var errDamagedVersion = fault.New(fault.Unprocessable, "version.damaged", "The history does not tell one of these versions any more.")

// CompareStoredInput names two versions of a conversation, whoever's it is.
type CompareStoredInput struct {
	ConversationID uuid.UUID
	Before         int64
	After          int64
}

// CompareStored tells for operators what differs between two versions, by the history alone:
// so also of a conversation whose rows are damaged. Nothing that was written is in it. Faults:
// resource.not_found, version.damaged with the version at which the history breaks off.
func (s *Service) CompareStored(ctx context.Context, in CompareStoredInput) (record.Difference, error) {
	r, err := s.Record(ctx, in.ConversationID)
	if err != nil {
		return record.Difference{}, err
	}
	if !r.Has(in.Before) || !r.Has(in.After) {
		return record.Difference{}, errNoVersion
	}
	d, err := r.Compare(in.Before, in.After)
	if broken := new(record.StepError); errors.As(err, &broken) {
		return d, errDamagedVersion.WithDetail("broken_version", broken.Version).WithCause(err)
	}
	return d, err
}
