package v2

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/web"
)

// LogIn opens a session.
func (s *Server) LogIn(ctx context.Context, req apiv2.LogInRequestObject) (apiv2.LogInResponseObject, error) {
	in, err := s.Accounts.LogIn(ctx, account.LogInInput{
		Email: req.Body.Email, Password: req.Body.Password, DeviceName: valueOr(req.Body.DeviceName, ""), Client: client(ctx),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.LogIn201JSONResponse{
		Session: ToAPISession(in.Session, in.Session.ID), User: ToAPIUser(in.User), Tokens: ToAPITokens(in.Tokens),
	}, nil
}

// RefreshSession trades a refresh token for new tokens.
func (s *Server) RefreshSession(ctx context.Context, req apiv2.RefreshSessionRequestObject) (apiv2.RefreshSessionResponseObject, error) {
	tokens, err := s.Accounts.Refresh(ctx, req.Body.RefreshToken)
	if err != nil {
		return nil, err
	}
	return apiv2.RefreshSession200JSONResponse{Tokens: ToAPITokens(tokens)}, nil
}

// current stands for the session that asks.
const current = "current"

// ListSessions gives one page of the signed-in devices, the newest sign-in first.
func (s *Server) ListSessions(ctx context.Context, req apiv2.ListSessionsRequestObject) (apiv2.ListSessionsResponseObject, error) {
	me := web.IdentityFrom(ctx)
	var before *account.SessionPlace
	if token := req.Params.Cursor; token != nil {
		before = &account.SessionPlace{}
		if err := s.Cursors.OpenJSON(sessionScope(me.UserID), *token, before); err != nil {
			return nil, err
		}
	}
	sessions, more, err := s.Accounts.Sessions(ctx, me.UserID, before, valueOr(req.Params.Limit, defaultLimit))
	if err != nil {
		return nil, err
	}
	out := apiv2.ListSessions200JSONResponse{Data: make([]apiv2.Session, 0, len(sessions)), NextCursor: nullable.NewNullNullable[string]()}
	for _, one := range sessions {
		out.Data = append(out.Data, ToAPISession(one, me.SessionID))
	}
	if more {
		next, err := s.Cursors.SealJSON(sessionScope(me.UserID), sessions[len(sessions)-1].Place())
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

func sessionScope(user uuid.UUID) string { return "listSessions/" + user.String() }

// RevokeSession ends one session.
func (s *Server) RevokeSession(ctx context.Context, req apiv2.RevokeSessionRequestObject) (apiv2.RevokeSessionResponseObject, error) {
	me := web.IdentityFrom(ctx)
	id := me.SessionID
	if req.SessionID != current {
		var err error
		if id, err = uuid.Parse(req.SessionID); err != nil {
			return nil, fmt.Errorf("read session id: %w", err) // the contract's pattern lets none through
		}
	}
	if err := s.Accounts.RevokeSession(ctx, me.UserID, id, me.SessionID); err != nil {
		return nil, err
	}
	return apiv2.RevokeSession204Response{}, nil
}

// RevokeOtherSessions ends all sessions but the one that asks.
func (s *Server) RevokeOtherSessions(ctx context.Context, _ apiv2.RevokeOtherSessionsRequestObject) (apiv2.RevokeOtherSessionsResponseObject, error) {
	me := web.IdentityFrom(ctx)
	if err := s.Accounts.RevokeOtherSessions(ctx, me.UserID, me.SessionID); err != nil {
		return nil, err
	}
	return apiv2.RevokeOtherSessions204Response{}, nil
}
