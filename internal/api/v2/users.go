package v2

import (
	"context"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/catalogue"
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
