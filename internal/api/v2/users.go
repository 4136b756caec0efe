package v2

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/task"
)

// SignUp makes an account and signs it in.
func (s *Server) SignUp(ctx context.Context, req apiv2.SignUpRequestObject) (apiv2.SignUpResponseObject, error) {
	made, err := s.Accounts.SignUp(ctx, account.SignUpInput{
		Email: string(req.Body.Email), Password: req.Body.Password, FullName: req.Body.FullName,
		Language:       catalogue.Negotiate(valueOr(req.Params.AcceptLanguage, "")),
		IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""), Client: client(ctx),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.SignUp201JSONResponse{
		Body:    apiv2.SignUpResult{User: ToAPIUser(made.User), Tokens: ToAPITokens(made.Tokens)},
		Headers: apiv2.SignUp201ResponseHeaders{IdempotencyReplayed: replayed(made.Replayed)},
	}, nil
}

// GetMe reads the signed-in user.
func (s *Server) GetMe(ctx context.Context, req apiv2.GetMeRequestObject) (apiv2.GetMeResponseObject, error) {
	user, err := s.Accounts.User(ctx, web.IdentityFrom(ctx).UserID)
	if err != nil {
		return nil, err
	}
	etag := userETag(user)
	if web.NotModified(valueOr(req.Params.IfNoneMatch, ""), etag) {
		return apiv2.GetMe304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return apiv2.GetMe200JSONResponse{Body: ToAPIUser(user), Headers: apiv2.GetMe200ResponseHeaders{ETag: etag}}, nil
}

// client is where the request comes from.
func client(ctx context.Context) account.Client {
	c := web.ClientFrom(ctx)
	return account.Client{Address: c.Address, UserAgent: c.UserAgent}
}

// UpdateMe changes the signed-in user by a merge patch.
func (s *Server) UpdateMe(ctx context.Context, req apiv2.UpdateMeRequestObject) (apiv2.UpdateMeResponseObject, error) {
	body := req.JSONBody
	if body == nil {
		body = req.ApplicationMergePatchPlusJSONBody
	}
	in := account.UpdateProfileInput{UserID: web.IdentityFrom(ctx).UserID, FullName: body.FullName}
	if body.NativeLanguage.IsSpecified() {
		language := fromNullable(body.NativeLanguage)
		in.NativeLanguage = &language
	}
	if body.Preferences.IsSpecified() {
		text, err := json.Marshal(fromNullable(body.Preferences))
		if err != nil {
			return nil, fmt.Errorf("read preferences: %w", err)
		}
		in.Preferences = text
	}
	if wanted := req.Params.IfMatch; wanted != nil {
		in.Matches = func(u account.User) error { return web.CheckMatch(*wanted, userETag(u)) }
	}
	user, err := s.Accounts.UpdateProfile(ctx, in)
	if err != nil {
		return nil, err
	}
	return apiv2.UpdateMe200JSONResponse{Body: ToAPIUser(user), Headers: apiv2.UpdateMe200ResponseHeaders{ETag: userETag(user)}}, nil
}

// DeleteMe has the signed-in user's account erased.
func (s *Server) DeleteMe(ctx context.Context, req apiv2.DeleteMeRequestObject) (apiv2.DeleteMeResponseObject, error) {
	me := web.IdentityFrom(ctx)
	id, err := s.Accounts.Delete(ctx, me.UserID, me.SessionID,
		func(ctx context.Context, tx postgres.Tx, in account.ErasureInput) (uuid.UUID, error) {
			t, err := s.Tasks.Start(ctx, tx, task.StartInput{UserID: me.UserID, Kind: account.ErasureKind, Input: in})
			return t.ID, err
		})
	if err != nil {
		return nil, err
	}
	t, err := s.Tasks.Get(ctx, me.UserID, id)
	if err != nil {
		return nil, err
	}
	if ended, done, applied := s.awaitTask(ctx, t, valueOr(req.Params.Prefer, "")); done {
		return apiv2.DeleteMe200JSONResponse{
			Body: ToAPITask(ended), Headers: apiv2.DeleteMe200ResponseHeaders{PreferenceApplied: applied},
		}, nil
	}
	return apiv2.DeleteMe202JSONResponse{Body: ToAPITask(t), Headers: apiv2.DeleteMe202ResponseHeaders{Location: taskLocation(t)}}, nil
}

// ChangePassword proves the current password and sets a new one.
func (s *Server) ChangePassword(ctx context.Context, req apiv2.ChangePasswordRequestObject) (apiv2.ChangePasswordResponseObject, error) {
	me := web.IdentityFrom(ctx)
	err := s.Accounts.ChangePassword(ctx, account.ChangePasswordInput{
		UserID: me.UserID, SessionID: me.SessionID, Current: req.Body.CurrentPassword, New: req.Body.NewPassword, Client: client(ctx),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.ChangePassword204Response{}, nil
}

// ChangeEmail mails a code to the new email.
func (s *Server) ChangeEmail(ctx context.Context, req apiv2.ChangeEmailRequestObject) (apiv2.ChangeEmailResponseObject, error) {
	err := s.Accounts.ChangeEmail(ctx, account.ChangeEmailInput{
		UserID: web.IdentityFrom(ctx).UserID, Email: string(req.Body.Email), Password: req.Body.CurrentPassword, Client: client(ctx),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.ChangeEmail202Response{}, nil
}

// RequestPasswordReset mails a code, if there is such an account.
func (s *Server) RequestPasswordReset(ctx context.Context, req apiv2.RequestPasswordResetRequestObject) (apiv2.RequestPasswordResetResponseObject, error) {
	again, err := s.Accounts.RequestPasswordReset(ctx, string(req.Body.Email), valueOr(req.Params.IdempotencyKey, ""))
	if err != nil {
		return nil, err
	}
	return apiv2.RequestPasswordReset202Response{
		Headers: apiv2.RequestPasswordReset202ResponseHeaders{IdempotencyReplayed: replayed(again)},
	}, nil
}

// CompletePasswordReset sets a password by a mailed code.
func (s *Server) CompletePasswordReset(ctx context.Context, req apiv2.CompletePasswordResetRequestObject) (apiv2.CompletePasswordResetResponseObject, error) {
	if err := s.Accounts.CompletePasswordReset(ctx, req.Body.Token, req.Body.NewPassword, client(ctx)); err != nil {
		return nil, err
	}
	return apiv2.CompletePasswordReset204Response{}, nil
}

// RequestEmailVerification mails a code to the user's own email.
func (s *Server) RequestEmailVerification(ctx context.Context, req apiv2.RequestEmailVerificationRequestObject) (apiv2.RequestEmailVerificationResponseObject, error) {
	again, err := s.Accounts.RequestEmailVerification(ctx, web.IdentityFrom(ctx).UserID, valueOr(req.Params.IdempotencyKey, ""))
	if err != nil {
		return nil, err
	}
	return apiv2.RequestEmailVerification202Response{
		Headers: apiv2.RequestEmailVerification202ResponseHeaders{IdempotencyReplayed: replayed(again)},
	}, nil
}

// VerifyEmail verifies an email by a mailed code.
func (s *Server) VerifyEmail(ctx context.Context, req apiv2.VerifyEmailRequestObject) (apiv2.VerifyEmailResponseObject, error) {
	if err := s.Accounts.VerifyEmail(ctx, req.Body.Token, client(ctx)); err != nil {
		return nil, err
	}
	return apiv2.VerifyEmail204Response{}, nil
}
