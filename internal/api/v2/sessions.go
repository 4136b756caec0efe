package v2

import (
	"context"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
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
