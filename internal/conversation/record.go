package conversation

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// Record reads all that is stored of a conversation, whoever's it is: for operators. Fault:
// resource.not_found.
func (s *Service) Record(ctx context.Context, id uuid.UUID) (record.Record, error) {
	list, err := s.store.snapshotOf(ctx, []wanted{{id: id}})
	if err == nil && len(list) == 0 {
		err = errNotFound
	}
	if err != nil {
		return record.Record{}, err
	}
	return list[0], nil
}
