package v2

import (
	"encoding"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/activity"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// The cursors of streams are the same wherever a thing is followed, so that a reader can
// go on by SSE where it was by WebSocket. Each is good for what it was made for alone.

// SealWatchPosition makes the cursor of a place in the events of a conversation.
func (s *Server) SealWatchPosition(id uuid.UUID, p conversation.WatchPosition) (string, error) {
	return s.sealBinary(watchScope(id), p)
}

// OpenWatchPosition reads what SealWatchPosition made. Fault: cursor.invalid.
func (s *Server) OpenWatchPosition(id uuid.UUID, token string) (p conversation.WatchPosition, err error) {
	err = s.openBinary(watchScope(id), token, &p)
	return p, err
}

// SealTaskPosition makes the cursor of a revision of a task.
func (s *Server) SealTaskPosition(id uuid.UUID, revision int64) (string, error) {
	return s.Cursors.SealJSON(taskScope(id), taskCursor{Revision: revision})
}

// OpenTaskPosition reads what SealTaskPosition made. Fault: cursor.invalid.
func (s *Server) OpenTaskPosition(id uuid.UUID, token string) (revision int64, err error) {
	var at taskCursor
	err = s.Cursors.OpenJSON(taskScope(id), token, &at)
	return at.Revision, err
}

// SealUserPosition makes the cursor of a place in the events of a user.
func (s *Server) SealUserPosition(user uuid.UUID, p activity.Position) (string, error) {
	return s.sealBinary(userScope(user), p)
}

// OpenUserPosition reads what SealUserPosition made. Fault: cursor.invalid.
func (s *Server) OpenUserPosition(user uuid.UUID, token string) (p activity.Position, err error) {
	err = s.openBinary(userScope(user), token, &p)
	return p, err
}

// sealPosition makes the cursor of a place in the events of a reply.
func (s *Server) sealPosition(replyID uuid.UUID, p conversation.Position) (string, error) {
	return s.sealBinary(positionScope(replyID), p)
}

// openPosition reads what sealPosition made. Fault: cursor.invalid.
func (s *Server) openPosition(replyID uuid.UUID, token string) (p conversation.Position, err error) {
	err = s.openBinary(positionScope(replyID), token, &p)
	return p, err
}

func positionScope(replyID uuid.UUID) string { return "messageEvents/" + replyID.String() }

func watchScope(conversation uuid.UUID) string { return "conversationEvents/" + conversation.String() }

func taskScope(id uuid.UUID) string { return "taskEvents/" + id.String() }

func userScope(user uuid.UUID) string { return "userEvents/" + user.String() }

// taskCursor is a place in the events of one task.
type taskCursor struct {
	Revision int64 `json:"revision"`
}

func (s *Server) sealBinary(scope string, p encoding.BinaryMarshaler) (string, error) {
	payload, err := p.MarshalBinary()
	if err != nil {
		return "", fmt.Errorf("seal cursor: %w", err)
	}
	return s.Cursors.Seal(scope, payload), nil
}

func (s *Server) openBinary(scope, token string, into encoding.BinaryUnmarshaler) error {
	payload, err := s.Cursors.Open(scope, token)
	if err != nil {
		return err
	}
	if err := into.UnmarshalBinary(payload); err != nil {
		return fault.New(fault.Malformed, "cursor.invalid", "The cursor is of a form that is not known here.").WithCause(err)
	}
	return nil
}
