package v1

import (
	"context"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/fluentpro/fluentpro/gen/apiv1"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/onboarding"
)

// SignUpV1 makes an account; the app signs in after it.
func (s *Server) SignUpV1(ctx context.Context, req apiv1.SignUpV1RequestObject) (apiv1.SignUpV1ResponseObject, error) {
	made, err := s.Accounts.SignUp(ctx, account.SignUpInput{
		Email: string(req.Body.Email), Password: req.Body.Password, FullName: req.Body.FullName, Language: language, Client: client(ctx),
	})
	if err != nil {
		return nil, err
	}
	subject, err := s.Accounts.Subject(ctx, made.User.ID)
	if err != nil {
		return nil, err
	}
	return apiv1.SignUpV1200JSONResponse{Success: true, Message: "Your account is ready.", UserID: made.User.ID, Auth0ID: subject}, nil
}

// LogInV1 opens a session.
func (s *Server) LogInV1(ctx context.Context, req apiv1.LogInV1RequestObject) (apiv1.LogInV1ResponseObject, error) {
	in, err := s.Accounts.LogIn(ctx, account.LogInInput{Email: req.Body.Email, Password: req.Body.Password, Client: client(ctx)})
	if err != nil {
		return nil, err
	}
	user, err := s.user(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return apiv1.LogInV1200JSONResponse{
		Success: true, Message: "You are signed in.", AccessToken: in.Tokens.Access, RefreshToken: in.Tokens.Refresh,
		TokenType: apiv1.LogInResponseTokenTypeBearer, ExpiresIn: int(in.Tokens.ExpiresIn.Seconds()), User: user,
	}, nil
}

// RefreshV1 trades a refresh token for new tokens.
func (s *Server) RefreshV1(ctx context.Context, req apiv1.RefreshV1RequestObject) (apiv1.RefreshV1ResponseObject, error) {
	tokens, err := s.Accounts.Refresh(ctx, req.Body.RefreshToken)
	if err != nil {
		return nil, err
	}
	return apiv1.RefreshV1200JSONResponse{
		Success: true, Message: "You are signed in.", AccessToken: tokens.Access, RefreshToken: tokens.Refresh,
		TokenType: apiv1.TokensResponseTokenTypeBearer, ExpiresIn: int(tokens.ExpiresIn.Seconds()),
	}, nil
}

// LogOutV1 ends the session of the access token.
func (s *Server) LogOutV1(ctx context.Context, _ apiv1.LogOutV1RequestObject) (apiv1.LogOutV1ResponseObject, error) {
	who := web.IdentityFrom(ctx)
	if err := s.Accounts.RevokeSession(ctx, who.UserID, who.SessionID, who.SessionID); err != nil {
		return nil, err
	}
	return apiv1.LogOutV1200JSONResponse{Success: true, Message: "You are signed out."}, nil
}

// GetAuthStatusV1 tells anybody whether they are signed in.
func (s *Server) GetAuthStatusV1(ctx context.Context, _ apiv1.GetAuthStatusV1RequestObject) (apiv1.GetAuthStatusV1ResponseObject, error) {
	who := web.IdentityFrom(ctx)
	if who.ExpiresAt.IsZero() {
		return apiv1.GetAuthStatusV1200JSONResponse{UserID: orNull[uuid.UUID](nil), Message: "You are not signed in."}, nil
	}
	return apiv1.GetAuthStatusV1200JSONResponse{
		Authenticated: true, UserID: nullable.NewNullableWithValue(who.UserID), Message: "You are signed in.",
	}, nil
}

// GetAuthMeV1 reads the signed-in user.
func (s *Server) GetAuthMeV1(ctx context.Context, _ apiv1.GetAuthMeV1RequestObject) (apiv1.GetAuthMeV1ResponseObject, error) {
	user, err := s.Accounts.User(ctx, me(ctx))
	if err != nil {
		return nil, err
	}
	out, err := s.user(ctx, user)
	return apiv1.GetAuthMeV1200JSONResponse(out), err
}

// VerifyTokenV1 answers whoever comes this far that their token is valid.
func (s *Server) VerifyTokenV1(ctx context.Context, _ apiv1.VerifyTokenV1RequestObject) (apiv1.VerifyTokenV1ResponseObject, error) {
	subject, err := s.Accounts.Subject(ctx, me(ctx))
	if err != nil {
		return nil, err
	}
	return apiv1.VerifyTokenV1200JSONResponse{Valid: true, Auth0ID: subject, Message: "The token is valid."}, nil
}

// user adds to an account what its onboarding knows.
func (s *Server) user(ctx context.Context, u account.User) (apiv1.User, error) {
	subject, err := s.Accounts.Subject(ctx, u.ID)
	if err != nil {
		return apiv1.User{}, err
	}
	o, err := s.Onboarding.Get(ctx, u.ID, language)
	if err != nil {
		return apiv1.User{}, err
	}
	return toAPIUser(u, subject, o), nil
}

func toAPIUser(u account.User, subject string, o onboarding.Onboarding) apiv1.User {
	return apiv1.User{
		ID: u.ID, Auth0ID: subject, Email: openapi_types.Email(u.Email), FullName: u.FullName, IsActive: u.Active,
		NativeLanguage: orNull(u.NativeLanguage), IndustryID: orNull(o.IndustryID), SelectedRoleID: orNull(roleID(o)),
		OnboardingStatus: toAPIStatus(o), CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}
