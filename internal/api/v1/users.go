package v1

import (
	"context"
	"slices"
	"strings"

	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/fluentpro/fluentpro/gen/apiv1"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

var (
	errNoUser = fault.New(fault.NotFound, "resource.not_found", "There is no such user.")
	// What changes an email proves the password, for which this version has no field.
	errEmailNeedsPassword = fault.New(fault.Unprocessable, "user.password_required",
		"Your email can be changed only with your password: please use the newest app for it.")
)

// GetMeV1 reads the signed-in user.
func (s *Server) GetMeV1(ctx context.Context, _ apiv1.GetMeV1RequestObject) (apiv1.GetMeV1ResponseObject, error) {
	user, err := s.Accounts.User(ctx, me(ctx))
	return apiv1.GetMeV1200JSONResponse(toAPIAccount(user)), err
}

// UpdateMeV1 changes the name of the signed-in user.
func (s *Server) UpdateMeV1(ctx context.Context, req apiv1.UpdateMeV1RequestObject) (apiv1.UpdateMeV1ResponseObject, error) {
	in := account.UpdateProfileInput{UserID: me(ctx), FullName: given(req.Body.FullName)}
	if email := given(req.Body.Email); email != nil {
		in.Matches = func(u account.User) error {
			if !strings.EqualFold(strings.TrimSpace(*email), u.Email) {
				return errEmailNeedsPassword
			}
			return nil
		}
	}
	user, err := s.Accounts.UpdateProfile(ctx, in)
	return apiv1.UpdateMeV1200JSONResponse(toAPIAccount(user)), err
}

// GetUserV1 reads oneself or, for admins, anybody.
func (s *Server) GetUserV1(ctx context.Context, req apiv1.GetUserV1RequestObject) (apiv1.GetUserV1ResponseObject, error) {
	who := web.IdentityFrom(ctx)
	if req.UserID != who.UserID && !slices.Contains(who.Roles, account.RoleAdmin) {
		return nil, errNoUser
	}
	user, err := s.Accounts.User(ctx, req.UserID)
	return apiv1.GetUserV1200JSONResponse(toAPIAccount(user)), err
}

func toAPIAccount(u account.User) apiv1.Account {
	return apiv1.Account{ID: u.ID, FullName: u.FullName, Email: openapi_types.Email(u.Email), IsActive: u.Active}
}
